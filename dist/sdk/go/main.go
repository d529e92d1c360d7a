// go get github.com/aws/aws-sdk-go-v2/service/dynamodb
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func main() {
	endpoint := os.Getenv("HASHRANGE_ENDPOINT")
	if endpoint == "" {
		endpoint = "http://127.0.0.1:8000"
	}
	client := dynamodb.New(dynamodb.Options{
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider("any", "any", ""),
		EndpointResolver: dynamodb.EndpointResolverFromURL(endpoint), // BaseEndpoint: &endpoint, with newer releases
	})
	ctx := context.Background()
	table := aws.String("golang")
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            table,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		log.Fatal(err)
	}
	id := &types.AttributeValueMemberS{Value: "u1"}
	item := map[string]types.AttributeValue{"id": id, "name": &types.AttributeValueMemberS{Value: "Ada"}}
	if _, err = client.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: item}); err != nil {
		log.Fatal(err)
	}
	found, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: map[string]types.AttributeValue{"id": id}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Item["name"].(*types.AttributeValueMemberS).Value)
}
