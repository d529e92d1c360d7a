"""A session of the MCP Python SDK with `hashrange mcp`: every tool, refusals, and that nothing can be changed."""

import asyncio
import json
import os
import subprocess
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

program, folder = os.environ["HASHRANGE_BIN"], sys.argv[1] + "/data"
passed = 0
DIGITS = "12345678901234567890123"


def hashrange(*args, text=None):
    return subprocess.run([program, "--data-dir", folder, *args], check=True, input=text, capture_output=True, text=True).stdout


def check(what, holds):
    global passed
    if not holds:
        sys.exit(f"FAILED: {what}")
    passed += 1


async def session(*more):
    params = StdioServerParameters(command=program, args=["mcp", "--data-dir", folder, *more])
    return stdio_client(params)


async def call(client, tool, **arguments):
    answer = await client.call_tool(tool, arguments)
    text = answer.content[0].text
    return (text, True) if answer.isError else (json.loads(text), False)


async def reading():
    async with await session() as (read, write), ClientSession(read, write) as client:
        begun = await client.initialize()
        check("the server says its name", begun.serverInfo.name == "hashrange")
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        check("the tools", set(tools) == {"list_tables", "describe_table", "query", "explain", "check_design"})
        check("they only read", all(tool.annotations.readOnlyHint for tool in tools.values()))

        tables, _ = await call(client, "list_tables")
        check("list_tables", [(table["name"], table["items"]) for table in tables["tables"]] == [("orders", 50), ("wide", 1)])
        table, _ = await call(client, "describe_table", table="orders")
        check("describe_table", [key["AttributeName"] for key in table["Table"]["KeySchema"]] == ["customer", "n"])
        missing, failed = await call(client, "describe_table", table="nothing")
        check("a table that is not there", failed and "ResourceNotFoundException" in missing)

        some, _ = await call(client, "query", statement="SELECT * FROM orders WHERE customer = ?", parameters=["c1"], limit=3)
        check("query", [item["n"] for item in some["items"]] == [1, 11, 21] and not some["is_complete"])
        wide = "SELECT * FROM wide WHERE id = ?"
        rounded, failed = await call(client, "query", statement=wide, parameters=[int(DIGITS)])
        check("a number that may have been rounded is no parameter", failed and '"N"' in rounded)
        one, _ = await call(client, "query", statement=wide, parameters=[{"N": DIGITS}])
        check("a number of many digits", one["items"] == [{"id": {"N": DIGITS}, "share": {"N": "0." + DIGITS}}])
        scan, failed = await call(client, "query", statement="SELECT * FROM orders")
        check("a scan is refused", failed and "scan" in scan.lower())
        whole, _ = await call(client, "query", statement="SELECT * FROM orders", allow_scan=True)
        check("a scan that is wanted", len(whole["items"]) == 50 and whole["is_complete"])
        for tool in ("query", "write"):
            refused, failed = await call(client, tool, statement="DELETE FROM orders WHERE customer = 'c1' AND n = 1")
            check(f"{tool} changes nothing", failed)
        wrong, failed = await call(client, "query", statement="SELEKT", nonsense=1)
        check("wrong arguments", failed and "nonsense" in wrong)

        plan, _ = await call(client, "explain", statement="SELECT * FROM orders WHERE customer = 'c1' AND n = 1")
        check("explain", plan["kind"] == "get" and plan["least_units"] > 0)
        plan, _ = await call(client, "explain", statement="DELETE FROM orders WHERE customer = 'c1' AND n = 1")
        check("a write is explained and not done", plan["kind"] == "delete")

        design = {
            "TableName": "feed", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        }
        verdict, _ = await call(client, "check_design", tables=[design, {**design, "TableName": "x"}], statements=[
            {"statement": "SELECT * FROM feed WHERE pk = ?", "parameters": ["a"]}, {"statement": "SELECT * FROM feed WHERE author = 'b'"}])
        check("check_design", not verdict["is_fit"] and len(verdict["problems"]) == 2)
        check("it names the table", "table x: ValidationException" in verdict["problems"][0])
        check("and the scan", "author" in verdict["problems"][1])
        tables, _ = await call(client, "list_tables")
        check("a design on trial leaves nothing", len(tables["tables"]) == 2)
    check("nothing was changed", hashrange("scan", "orders", "--count").strip() == "50")


async def writing():
    async with await session("--write") as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        check("write is there when it is asked for", not tools["write"].annotations.readOnlyHint)
        done, failed = await call(client, "write", statement="DELETE FROM orders WHERE customer = 'c1' AND n = 1")
        check("write", not failed and done["done"])
        insert = {"statement": "INSERT INTO wide VALUE {'id': ?}", "parameters": [{"N": "-" + DIGITS}]}
        done, failed = await call(client, "write", **insert)
        check("a number of many digits is written", not failed and done["done"])
    check("with all of them", f'"id":-{DIGITS}' in hashrange("scan", "wide").replace(" ", ""))
    check("one item less", hashrange("scan", "orders", "--count").strip() == "49")


hashrange("create", "orders", "--hash", "customer:S", "--range", "n:N")
items = "".join(json.dumps({"customer": f"c{n % 10}", "n": n, "total": n * 2}) + "\n" for n in range(50))
hashrange("import", "orders", "-", text=items)
hashrange("create", "wide", "--hash", "id:N")
hashrange("import", "wide", "-", text=f'{{"id":{DIGITS},"share":0.{DIGITS}}}\n')
asyncio.run(reading())
asyncio.run(writing())
print(f"{passed} passed, 0 failed")
