//! One program for an embedded database and for a DynamoDB endpoint: the line that makes the client is the difference.
//!
//! ```text
//! cargo run -p hashrange-wire --features aws-sdk --example one_line
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = hashrange_wire::aws_client(&hashrange::Database::in_memory()?);
    // For an endpoint, with its region and credentials from the environment, this is the line instead:
    // let client = Client::new(&aws_config::load_from_env().await);
    count_visits(&client).await
}

/// A program that knows nothing of where its client leads.
async fn count_visits(client: &Client) -> Result<(), Box<dyn Error>> {
    let table = "visits";
    client
        .create_table()
        .table_name(table)
        .attribute_definitions(
            AttributeDefinition::builder().attribute_name("page").attribute_type(ScalarAttributeType::S).build()?,
        )
        .key_schema(KeySchemaElement::builder().attribute_name("page").key_type(KeyType::Hash).build()?)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await?;
    for page in ["/", "/about", "/"] {
        client
            .update_item()
            .table_name(table)
            .key("page", AttributeValue::S(page.to_owned()))
            .update_expression("ADD visits :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await?;
    }
    let answer = client.scan().table_name(table).send().await?;
    for item in answer.items() {
        println!("{:?} {:?}", item["page"], item["visits"]);
    }
    Ok(())
}
