// software.amazon.awssdk:dynamodb
import java.net.URI;
import java.util.Map;
import java.util.Optional;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.*;

public class Snippet {
    public static void main(String[] args) {
        String endpoint = Optional.ofNullable(System.getenv("HASHRANGE_ENDPOINT")).orElse("http://127.0.0.1:8000");
        try (DynamoDbClient client = DynamoDbClient.builder()
                .endpointOverride(URI.create(endpoint))
                .region(Region.US_EAST_1)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any")))
                .build()) {
            client.createTable(table -> table
                    .tableName("java")
                    .billingMode(BillingMode.PAY_PER_REQUEST)
                    .attributeDefinitions(AttributeDefinition.builder().attributeName("id").attributeType(ScalarAttributeType.S).build())
                    .keySchema(KeySchemaElement.builder().attributeName("id").keyType(KeyType.HASH).build()));
            AttributeValue id = AttributeValue.fromS("u1");
            client.putItem(put -> put.tableName("java").item(Map.of("id", id, "name", AttributeValue.fromS("Ada"))));
            System.out.println(client.getItem(get -> get.tableName("java").key(Map.of("id", id))).item().get("name").s());
        }
    }
}
