#!/usr/bin/env python3
"""Writes operations.txt: the names and types of every member of every request, from the service model that botocore carries.

    pip install botocore
    python generate.py > operations.txt

One line a member: the operation, the path of the member, its type, and the values that it may have if they are enumerated. In a
path, `[]` is an element of a list and `{}` a value of a map. Names, types and values are all that is taken from the model.
"""
import gzip
import json
import pathlib

import botocore

DATA = pathlib.Path(botocore.__file__).parent / "data"
# A value is a leaf here: its inside is not a matter of the model of requests.
LEAVES = {"AttributeValue"}


def members(shapes, name, path, seen):
    shape = shapes[name]
    kind = shape["type"]
    if name in LEAVES:
        yield path, name, []
    elif kind == "structure":
        if name in seen:
            return
        for member, reference in sorted(shape["members"].items()):
            yield from members(shapes, reference["shape"], f"{path}.{member}" if path else member, seen | {name})
    elif kind == "list":
        yield from members(shapes, shape["member"]["shape"], path + "[]", seen)
    elif kind == "map":
        yield from members(shapes, shape["value"]["shape"], path + "{}", seen)
    else:
        yield path, kind, shape.get("enum", [])


def main():
    for service in ("dynamodb", "dynamodbstreams"):
        newest = sorted((DATA / service).iterdir())[-1]
        model = json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
        for name, operation in sorted(model["operations"].items()):
            if "input" not in operation:
                print(name)
                continue
            found = list(members(model["shapes"], operation["input"]["shape"], "", frozenset()))
            if not found:
                print(name)
            for path, kind, values in found:
                print(" ".join([name, path, kind, *values]))


main()
