//! A fault that takes the answer away closes the connection; other connections go on.

use crate::client::{connect, request, send};
use hashrange::{Database, key::S, service::FaultModel};
use hashrange_wire::server::{Server, ServerOptions};
use std::net::SocketAddr;

#[test]
fn the_connection_ends_without_an_answer() {
    let rules =
        r#"{"rules": [{"operations": ["PutItem"], "times": 1, "fault": "AnswerLost", "delay": {"fixed_millis": 30}}]}"#;
    let database = Database::options().faults(FaultModel::from_json(rules).unwrap()).in_memory().unwrap();
    let stock = database.create_table("stock").hash::<S>("sku").create().unwrap();
    let mut options = ServerOptions::default();
    options.address = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::start(database, options).unwrap();
    let put = request("PutItem", r#"{"TableName": "stock", "Item": {"sku": {"S": "bolt"}}}"#, &[]);
    let (mut one, mut other) = (connect(&server), connect(&server));
    assert!(send(&mut one, &put).is_none());
    assert!(stock.get("bolt").unwrap().is_some(), "the write was done before its answer was lost");
    assert_eq!(send(&mut other, &put).unwrap().status, 200);
    assert_eq!(send(&mut connect(&server), &put).unwrap().status, 200);
}
