//! The tools behind the protocol, on standard input and output.

use super::Tools;
use crate::failure::Failure;
use rmcp::{
    ErrorData, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
    },
    service::{RequestContext, RoleServer},
};
use serde_json::Value;
use std::{io, sync::Arc};

/// Instructions that a client gets when it connects.
const INSTRUCTIONS: &str = "Tables with DynamoDB's data model. Statements are PartiQL. Look at describe_table before you \
                            query, and at explain before a statement of which you do not know whether it scans.";

struct Handler(Tools);

/// Serves a client until it closes standard input.
pub(crate) fn serve(tools: Tools) -> Result<(), Failure> {
    let cannot = |error: String| Failure::io("cannot serve the protocol", io::Error::other(error));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("cannot start threads", error))?;
    let outcome = runtime.block_on(async {
        let service =
            Handler(tools).serve(rmcp::transport::stdio()).await.map_err(|error| cannot(error.to_string()))?;
        service.waiting().await.map_err(|error| cannot(error.to_string()))?;
        Ok(())
    });
    // A read of standard input that is under way cannot be broken off; the end of the program does not wait for it.
    runtime.shutdown_background();
    outcome
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let mut config = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        config.server_info = Implementation::new("hashrange", env!("CARGO_PKG_VERSION"));
        config.instructions = Some(INSTRUCTIONS.to_owned());
        config
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.0.list().into_iter().map(|tool| {
            let schema = tool.arguments.as_object().cloned().unwrap_or_default();
            let notes = ToolAnnotations::new().read_only(tool.is_read_only).open_world(false);
            Tool::new(tool.name, tool.description, Arc::new(schema)).with_annotations(notes)
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let result = match self.0.call(&request.name, arguments) {
            Ok(value) => CallToolResult::structured(value),
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        };
        Ok(result.into())
    }
}
