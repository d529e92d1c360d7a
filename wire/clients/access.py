"""boto3 as two principals: each sees its own items only, by every operation; policies are read again without a restart."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time

import boto3
from botocore.exceptions import ClientError

OWN = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Own", "Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:*:*:table/orders",
     "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:PrincipalTag/tenant}"},
                   "Null": {"dynamodb:LeadingKeys": "false"}}}]}
ADMIN = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}}


def principal(name, policy, tenant=None):
    tags = {"tenant": tenant} if tenant else {}
    return {"name": name, "access_key_id": f"key-{name}", "secret": f"secret-{name}", "tags": tags, "policies": [policy]}


STAGED = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*",
     "Condition": {"StringEquals": {"aws:ResourceTag/stage": "test"}}},
    {"Effect": "Deny", "Action": "dynamodb:DeleteItem", "Resource": "*"}]}


def write(path, *principals, **more):
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        policies = {"own": OWN, "admin": ADMIN, "staged": STAGED}
        json.dump({"policies": policies, "principals": principals, **more}, file)


def refused(call, code="AccessDeniedException", **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call} {arguments} was allowed")


folder = tempfile.mkdtemp()
policies = os.path.join(folder, "policies.json")
all_three = principal("admin", "admin"), principal("one", "own", "t1"), principal("two", "own", "t2")
write(policies, *all_three)
command = [os.environ["HASHRANGE"], "serve", "--port", "0", "--in-memory", "--policies", policies]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
try:
    endpoint = re.sub("^listening on ", "", server.stdout.readline().strip())

    def client(name):
        keys = {"aws_access_key_id": f"key-{name}", "aws_secret_access_key": f"secret-{name}"}
        return boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", **keys)

    admin, one, two = client("admin"), client("one"), client("two")
    refused(client("nobody").list_tables, "UnrecognizedClientException")
    admin.create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("tenant", "id")],
        KeySchema=[{"AttributeName": "tenant", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
    )

    def item(tenant, identifier="a"):
        return {"tenant": {"S": tenant}, "id": {"S": identifier}}

    for mine, own, other in (one, "t1", "t2"), (two, "t2", "t1"):
        mine.put_item(TableName="orders", Item=item(own))
        assert mine.get_item(TableName="orders", Key=item(own))["Item"] == item(own)
        mine.batch_write_item(RequestItems={"orders": [{"PutRequest": {"Item": item(own, "b")}}]})
        query = {"TableName": "orders", "KeyConditionExpression": "tenant = :t"}
        assert mine.query(**query, ExpressionAttributeValues={":t": {"S": own}})["Count"] == 2
        text = refused(mine.query, **query, ExpressionAttributeValues={":t": {"S": other}})
        name = "one" if own == "t1" else "two"
        assert text == (
            f"User: arn:aws:iam::000000000000:user/{name} is not authorized to perform: dynamodb:Query on resource: "
            "arn:aws:dynamodb:us-east-1:000000000000:table/orders because no identity-based policy allows the "
            "dynamodb:Query action"
        ), text
        refused(mine.get_item, TableName="orders", Key=item(other))
        refused(mine.put_item, TableName="orders", Item=item(other))
        refused(mine.delete_item, TableName="orders", Key=item(other))
        refused(mine.update_item, TableName="orders", Key=item(other))
        refused(mine.batch_get_item, RequestItems={"orders": {"Keys": [item(own), item(other)]}})
        refused(mine.transact_write_items, TransactItems=[{"Put": {"TableName": "orders", "Item": item(other)}}])
        refused(mine.transact_get_items, TransactItems=[{"Get": {"TableName": "orders", "Key": item(other)}}])
        refused(mine.execute_statement, Statement=f"SELECT * FROM orders WHERE tenant = '{other}'")
        refused(mine.scan, TableName="orders")
        refused(mine.list_tables)
        refused(mine.delete_table, TableName="orders")
    assert admin.scan(TableName="orders")["Count"] == 4

    # A file that cannot be understood leaves everything as it is; a good one counts from the next request on.
    with open(policies, "a") as file:
        file.write("}")
    server.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    one.get_item(TableName="orders", Key=item("t1"))
    write(policies, principal("admin", "admin"), principal("one", "own", "t2"))
    server.send_signal(signal.SIGHUP)
    for _ in range(100):
        try:
            one.get_item(TableName="orders", Key=item("t1"))
        except ClientError:
            break
        time.sleep(0.05)
    refused(one.get_item, TableName="orders", Key=item("t1"))
    assert one.get_item(TableName="orders", Key=item("t2"))["Item"] == item("t2")
    refused(two.get_item, "UnrecognizedClientException", TableName="orders", Key=item("t2"))
    assert server.poll() is None
finally:
    server.terminate()
    server.wait()

# What policies refuse is only logged, or not looked at; who sends a request is known all the same.
write(policies, principal("admin", "admin"), principal("one", "own", "t1"), principal("staged", "staged"), names_policies=True)
for mode in "soft", "off", "enforced":
    server = subprocess.Popen([*command, "--access", mode], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        endpoint = re.sub("^listening on ", "", server.stdout.readline().strip())
        admin, one, staged = client("admin"), client("one"), client("staged")
        refused(client("nobody").list_tables, "UnrecognizedClientException")
        admin.create_table(
            TableName="orders", BillingMode="PAY_PER_REQUEST", Tags=[{"Key": "stage", "Value": "test"}],
            AttributeDefinitions=[{"AttributeName": "tenant", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "tenant", "KeyType": "HASH"}])
        key = {"tenant": {"S": "t2"}}
        if mode == "enforced":
            refused(one.put_item, TableName="orders", Item=key)
            staged.put_item(TableName="orders", Item=key)
            text = refused(staged.delete_item, TableName="orders", Key=key)
            assert text.endswith("in an identity-based policy: arn:aws:iam::000000000000:policy/staged"), text
            admin.tag_resource(ResourceArn="arn:aws:dynamodb:us-east-1:000000000000:table/orders",
                               Tags=[{"Key": "stage", "Value": "live"}])
            refused(staged.put_item, TableName="orders", Item=key)
        else:
            one.put_item(TableName="orders", Item=key)
            assert one.get_item(TableName="orders", Key=key)["Item"] == key
    finally:
        server.terminate()
        log = server.communicate()[1]
    assert ("user/one is not authorized to perform: dynamodb:PutItem" in log) == (mode == "soft"), log
