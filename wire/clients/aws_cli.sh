#!/usr/bin/env bash
# The AWS CLI: tables, items, waiters, its own pages, and the words of an error.
set -euo pipefail
db() { aws dynamodb "$1" --endpoint-url "$ENDPOINT" "${@:2}"; }

db create-table --table-name cities --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=country,AttributeType=S AttributeName=city,AttributeType=S \
    --key-schema AttributeName=country,KeyType=HASH AttributeName=city,KeyType=RANGE >/dev/null
db wait table-exists --table-name cities
for city in Bern Basel Chur; do
    db put-item --table-name cities --item "{\"country\": {\"S\": \"CH\"}, \"city\": {\"S\": \"$city\"}}"
done
found=$(db query --table-name cities --key-condition-expression 'country = :c AND begins_with(city, :b)' \
    --expression-attribute-values '{":c": {"S": "CH"}, ":b": {"S": "B"}}' --query 'Items[].city.S' --output text)
[ "$found" = $'Basel\tBern' ]
[ "$(db scan --table-name cities --page-size 1 --query 'length(Items)')" = 3 ]
[ "$(db describe-table --table-name cities --query Table.TableStatus --output text)" = ACTIVE ]
if text=$(db get-item --table-name cities --key '{"country": {"S": "CH"}}' 2>&1); then
    exit 1
fi
[[ $text == *"(ValidationException)"*"The provided key element does not match the schema"* ]]
found=$(db execute-statement --statement "SELECT city FROM cities WHERE country = ? AND city > ?" \
    --parameters '[{"S": "CH"}, {"S": "Bd"}]' --query 'Items[].city.S' --output text)
[ "$found" = $'Bern\tChur' ]
db execute-transaction --transact-statements \
    "[{\"Statement\": \"INSERT INTO cities VALUE {'country': 'CH', 'city': 'Genf'}\"},
      {\"Statement\": \"DELETE FROM cities WHERE country = 'CH' AND city = 'Chur'\"}]" >/dev/null
codes=$(db batch-execute-statement --statements \
    "[{\"Statement\": \"SELECT * FROM cities WHERE country = 'CH' AND city = 'Genf'\"},
      {\"Statement\": \"SELECT * FROM nowhere WHERE country = 'CH'\"}]" \
    --query 'Responses[].[Item.city.S, Error.Code]' --output text)
[ "$codes" = $'Genf\tNone\nNone\tResourceNotFound' ]
if text=$(db execute-statement --statement 'SELECT * FROM cities WHERE' 2>&1); then
    exit 1
fi
[[ $text == *"Statement wasn't well formed, can't be processed: Unexpected term"* ]]
db delete-table --table-name cities >/dev/null
db wait table-not-exists --table-name cities
