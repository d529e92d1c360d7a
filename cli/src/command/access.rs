//! `access`: what policies allow, without a server: for authors of policy files.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output, policies, session, text::counted};
use clap::{Args, Subcommand};
use hashrange::{
    Clock, Database,
    access::{Action, ArnScope, Ask, Environment, Principal, decide, explain},
};
use hashrange_wire::access::Principals;
use std::{borrow::Cow, net::IpAddr, path::PathBuf};

/// Arguments of `access`.
#[derive(Debug, Args)]
pub(crate) struct Access {
    #[command(subcommand)]
    command: AccessCommand,
}

#[derive(Debug, Subcommand)]
enum AccessCommand {
    /// Read a policy file as `serve --policies` does, and name what its author hardly meant
    Check {
        /// The policy file
        file: PathBuf,
        /// Also name tables, indexes and attributes that the database in --data-dir does not have
        #[arg(long)]
        database: bool,
    },
    /// Say whether a principal may do something: `allowed`, or the text of the rejection with exit status 1
    Simulate(Question),
    /// Say the same, and of each statement whether it applies, or what keeps it from applying
    Explain(Question),
}

/// What a principal asks for.
#[derive(Debug, Args)]
struct Question {
    /// The policy file
    file: PathBuf,
    /// Name of the principal
    #[arg(long = "as", value_name = "NAME")]
    principal: String,
    /// Action, such as GetItem or PartiQLSelect
    #[arg(long)]
    action: String,
    /// Table
    #[arg(long, default_value = "*")]
    table: String,
    /// Index of the table
    #[arg(long, conflicts_with = "stream")]
    index: Option<String>,
    /// Label of a stream of the table
    #[arg(long)]
    stream: Option<String>,
    /// Region of the table
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Value of the partition key that the request names; may be repeated
    #[arg(long, value_name = "VALUE")]
    key: Vec<String>,
    /// Attribute that the request names; may be repeated
    #[arg(long, value_name = "NAME")]
    attribute: Vec<String>,
    /// Value of dynamodb:Select
    #[arg(long)]
    select: Option<String>,
    /// Value of dynamodb:ReturnValues
    #[arg(long)]
    return_values: Option<String>,
    /// Value of dynamodb:EnclosingOperation
    #[arg(long, value_name = "OPERATION")]
    enclosing: Option<String>,
    /// Value of dynamodb:FullTableScan
    #[arg(long, value_name = "BOOL")]
    full_table_scan: Option<bool>,
    /// Value of aws:SourceIp
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Option<IpAddr>,
}

impl Access {
    pub(crate) fn run(&self, database: &DatabaseArgs) -> Result<Outcome, Failure> {
        match &self.command {
            AccessCommand::Check { file, database: against } => {
                let principals = policies::read_to_check(file)?;
                check(&principals, against.then(|| session::open_to_read(database)).transpose()?.as_ref())
            }
            AccessCommand::Simulate(question) => question.answer(false),
            AccessCommand::Explain(question) => question.answer(true),
        }
    }
}

fn check(principals: &Principals, database: Option<&Database>) -> Result<Outcome, Failure> {
    let mut out = Output::new();
    let mut remarks: Vec<String> = Vec::new();
    for principal in principals.iter() {
        for policy in principal.all_policies() {
            let name = if policy.name().is_empty() { principal.arn() } else { policy.name() };
            let found = database.map_or_else(|| Ok(policy.remarks()), |database| policy.lint(database))?;
            remarks.extend(found.iter().map(|remark| format!("{name}, {remark}")));
        }
    }
    remarks.sort();
    remarks.dedup();
    for remark in &remarks {
        out.line(remark)?;
    }
    out.line(format_args!(
        "{}, {}",
        counted(principals.len() as u64, "principal"),
        counted(remarks.len() as u64, "remark")
    ))?;
    out.finish()?;
    Ok(Outcome::Done)
}

impl Question {
    fn answer(&self, explains: bool) -> Result<Outcome, Failure> {
        let principals = policies::read_to_check(&self.file)?;
        let principal = principals.named(&self.principal).ok_or_else(|| {
            Failure::Usage(format!("there is no principal {} in {}", self.principal, self.file.display()))
        })?;
        let ask = self.ask(principals.account())?;
        let environment = self.environment();
        let decision = decide(principal, &environment, &ask, None);
        let mut out = Output::new();
        if explains {
            out.text(explain(principal, &environment, &ask, None))?;
        } else {
            out.line(refusal_or_allowed(principal, &ask, &environment))?;
        }
        out.finish()?;
        Ok(if decision.is_allowed() { Outcome::Done } else { Outcome::Denied })
    }

    fn ask(&self, account: &str) -> Result<Ask<'_>, Failure> {
        let name = self.action.strip_prefix("dynamodb:").unwrap_or(&self.action);
        let action = Action::named(name).ok_or_else(|| Failure::Usage(format!("{name} is no action of DynamoDB")))?;
        let scope = ArnScope { region: self.region.clone(), account: account.to_owned(), ..ArnScope::default() };
        let resource = match (&self.index, &self.stream) {
            (Some(index), _) => scope.index(&self.table, index),
            (None, Some(label)) => scope.stream(&self.table, label),
            (None, None) => scope.table(&self.table),
        };
        let mut ask = Ask::new(action, resource);
        if !self.key.is_empty() {
            ask = ask.partition_keys(self.key.iter().map(String::as_str).map(Cow::Borrowed));
        }
        if !self.attribute.is_empty() {
            ask = ask.attributes(self.attribute.iter().map(String::as_str).map(Cow::Borrowed));
        }
        ask.select = self.select.as_deref();
        ask.return_values = self.return_values.as_deref();
        ask.enclosing_operation = self.enclosing.as_deref();
        ask.full_table_scan = self.full_table_scan;
        Ok(ask)
    }

    fn environment(&self) -> Environment {
        let mut environment = Environment::default();
        environment.now_millis = Clock::system().now_millis();
        environment.source_ip = self.source_ip;
        environment.requested_region = Some(self.region.clone());
        environment
    }
}

fn refusal_or_allowed(principal: &Principal, ask: &Ask<'_>, environment: &Environment) -> String {
    decide(principal, environment, ask, None).refusal(principal, ask).unwrap_or_else(|| "allowed".to_owned())
}
