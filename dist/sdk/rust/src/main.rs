//! cargo add aws-sdk-dynamodb tokio

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
    types::{AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = std::env::var("HASHRANGE_ENDPOINT").unwrap_or_else(|_| "http://127.0.0.1:8000".to_owned());
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("any", "any", None, None, "local"))
        .build();
    let client = Client::from_conf(config);
    client
        .create_table()
        .table_name("rust")
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build()?,
        )
        .key_schema(KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build()?)
        .send()
        .await?;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    client.put_item().table_name("rust").item("id", text("u1")).item("name", text("Ada")).send().await?;
    let found = client.get_item().table_name("rust").key("id", text("u1")).send().await?;
    let name = found.item().and_then(|item| item.get("name")).and_then(|name| name.as_s().ok());
    println!("{}", name.ok_or("there is no such item")?);
    Ok(())
}
