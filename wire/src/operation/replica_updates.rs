//! `UpdateTable` with `ReplicaUpdates`: replicas of a table in other regions of the same world.

use super::describe_table::{absent, answer};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::{Reader, Token},
    shape::{self, JsonContext},
    table::{
        description::{Answer, UPDATING},
        members,
        name::TableName,
        replicas::Overrides,
    },
    timing::takes,
    validate::Violations,
};
use hashrange::{
    access::Action as Permission,
    admin::TableDescription,
    regions::{StrongPeers, World},
    schema::{Consistency, Replica, Replication, TableDefinition},
};

/// Regions that take part in strong consistency.
const STRONG_REGIONS: [&str; 10] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Create,
    Update,
    Delete,
    Other(&'static str),
}

/// What is to become of the replica in a region.
#[derive(Debug)]
struct Action {
    kind: Kind,
    region: String,
    overrides: Overrides,
}

#[derive(Default)]
struct Request<'a> {
    table: TableName<'a>,
    actions: Option<Vec<Option<Action>>>,
    witnesses: Option<Vec<Option<Action>>>,
    consistency: Option<String>,
    /// Whether it asks for something else too.
    has_others: bool,
}

/// The members of `UpdateTable` that are about replicas.
const MEMBERS: [&str; 3] = ["ReplicaUpdates", "GlobalTableWitnessUpdates", "MultiRegionConsistency"];

/// Carries the request out if it is about replicas.
pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Option<Outcome> {
    let mentions = |member: &&str| body.windows(member.len()).any(|window| window == member.as_bytes());
    if !MEMBERS.iter().any(mentions) {
        return None;
    }
    let request = match Request::decode(body) {
        Ok(request) => request,
        Err(failure) => return Some(Err(failure)),
    };
    if request.actions.is_none() && request.witnesses.is_none() && request.consistency.is_none() {
        return None;
    }
    Some(request.run(context))
}

/// A region, and the actions that policies are asked for there. Those that copy items are left to the caller.
pub(crate) type InRegion = (String, &'static [Permission]);

/// What a member of the request asks of policies in other regions, read as the request itself reads it; `None` if the member asks for
/// nothing there.
pub(crate) fn permissions(reader: &mut Reader<'_>, member: &str) -> Result<Option<Vec<InRegion>>, Failure> {
    let (path, create, delete): (_, &[Permission], &[Permission]) = match member {
        "ReplicaUpdates" => (
            "replicaUpdates",
            &[Permission::CreateTableReplica, Permission::CreateTable],
            &[Permission::DeleteTableReplica, Permission::DeleteTable],
        ),
        "GlobalTableWitnessUpdates" => (
            "globalTableWitnessUpdates",
            &[Permission::CreateGlobalTableWitness],
            &[Permission::DeleteGlobalTableWitness],
        ),
        _ => return Ok(None),
    };
    let actions = members::structures(reader, path, |reader| action(reader, "ReplicationGroupUpdate", &KINDS))?;
    let asked = actions.unwrap_or_default().into_iter().flatten().map(|Action { kind, region, .. }| match kind {
        Kind::Create => (region, create),
        Kind::Delete => (region, delete),
        Kind::Update => (region, &[Permission::UpdateTable][..]),
        Kind::Other(_) => (region, &[][..]),
    });
    Ok(Some(asked.collect()))
}

/// A replica that is deleted where it is leaves the others; whether that was done.
pub(super) fn leave(context: &Context<'_>, table: &TableDescription) -> Result<bool, Failure> {
    let Some((world, known)) = context.world.zip(table.definition.replication.as_deref()) else { return Ok(false) };
    let Some(other) = known.replicas.first().filter(|_| known.consistency == Consistency::Eventual) else {
        return Ok(false);
    };
    if table.definition.deletion_protection {
        return Ok(false); // the engine says it in the service's words
    }
    check_no_source(context, world, &table.definition.name, &context.owner.region)?;
    world.delete_replica(&table.definition.name, &other.region, &context.owner.region)?;
    Ok(true)
}

/// The replica that is being added to a table, if one is.
pub(super) fn replica_under_way<'t>(context: &Context<'_>, table: &'t TableDefinition) -> Option<&'t Replica> {
    let is_new = |replica: &&Replica| context.is_under_way(replica.created_millis, takes::REPLICA);
    table.replication.as_ref()?.replicas.iter().find(is_new)
}

/// Whether the table is itself a replica that is being added: it knows of the others since then, and of none that it was made of.
pub(super) fn is_being_added(context: &Context<'_>, table: &TableDefinition) -> bool {
    replica_under_way(context, table).is_some_and(|replica| replica.source.is_none())
}

/// Errors: a replica was made of the one in this region not long ago.
fn check_no_source(context: &Context<'_>, world: &World, table: &str, region: &str) -> Result<(), Failure> {
    let Ok(there) = world.database(region).and_then(|there| there.describe_table(table)) else { return Ok(()) };
    let is_source = |replica: &Replica| {
        replica.source.as_deref() == Some(region) && context.is_under_way(replica.created_millis, takes::REPLICA_SOURCE)
    };
    if there.definition.replication.as_ref().is_none_or(|known| !known.replicas.iter().any(is_source)) {
        return Ok(());
    }
    Err(Failure::validation(
        "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the table in the \
         last 24 hours.",
    ))
}

impl<'a> Request<'a> {
    fn decode(body: &'a [u8]) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            match name {
                "TableName" => request.table = TableName::new(shape::string(reader)?),
                "ReplicaUpdates" => {
                    request.actions = members::structures(reader, "replicaUpdates", |reader| {
                        action(reader, "ReplicationGroupUpdate", &KINDS)
                    })?;
                }
                "GlobalTableWitnessUpdates" => {
                    request.witnesses = members::structures(reader, "globalTableWitnessUpdates", |reader| {
                        action(reader, "GlobalTableWitnessGroupUpdate", &KINDS)
                    })?;
                }
                "MultiRegionConsistency" => request.consistency = members::text(reader)?,
                "AttributeDefinitions" => reader.skip()?,
                _ => {
                    request.has_others |= reader.peek()? != Token::Null;
                    reader.skip()?;
                }
            }
            Ok(())
        })?;
        Ok(request)
    }

    fn run(&self, context: &Context<'_>) -> Outcome {
        self.table.check_control(context)?;
        let table = self.table.name();
        let Some(world) = context.world else {
            return Err(Failure::unsupported(
                "UpdateTable with ReplicaUpdates: this server has one region; serve several with --region A=PORT --region B=PORT",
            ));
        };
        self.check_shape(context)?;
        let description = context.database.describe_table(table).map_err(|error| absent(error, table))?;
        if let Some(new) = replica_under_way(context, &description.definition) {
            return Err(Failure::validation(format!(
                "Create/Update/Delete of replica is not allowed while the replica is being added to table with name: \
                 \u{2018}{table}\u{2019} in region: \u{2018}{}\u{2019}.",
                new.region
            )));
        }
        let before = description.definition.replication.as_deref().cloned();
        let (own, definition) = (context.owner.region.as_str(), &*description.definition);
        let asked = Asked { world, table, own, definition, before: before.as_ref() };
        let is_strong = before.as_ref().is_some_and(|known| known.consistency == Consistency::Strong);
        if is_strong || self.consistency.as_deref() == Some("STRONG") || self.witnesses.is_some() {
            self.run_strong(&asked)?;
        } else {
            self.run_eventual(context, &asked)?;
        }
        let description = context.database.describe_table(table)?;
        let how = Answer { status: Some(UPDATING), replicas: Some(before.map(Box::new)), ..Answer::default() };
        Ok(answer(context, "TableDescription", &description, how))
    }

    fn replicas(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().flatten().flatten()
    }
    fn witnesses(&self) -> impl Iterator<Item = &Action> {
        self.witnesses.iter().flatten().flatten()
    }

    fn check_shape(&self, context: &Context<'_>) -> Result<(), Failure> {
        let mut violations = Violations::default();
        violations.one_of(self.consistency.as_deref(), "multiRegionConsistency", &["EVENTUAL", "STRONG"]);
        violations.finish()?;
        if self.actions.iter().chain(&self.witnesses).flatten().any(Option::is_none) {
            return Err(Failure::validation(
                "There are no actions specified in the Replica Update Action of the request.",
            ));
        }
        let is_strong = self.consistency.is_some() || self.witnesses.is_some();
        // A mode or witnesses alone count as no change.
        if self.actions.as_ref().is_none_or(Vec::is_empty) && !(is_strong && self.has_others) {
            return Err(Failure::validation(context.profile.no_change()));
        }
        if self.has_others {
            return Err(match is_strong {
                true => {
                    Failure::validation("Requests that modify replicas or witnesses must not also modify other fields")
                }
                false => Failure::invalid_parameter("Replica modification must be the only operation in the request"),
            });
        }
        let mut violations = Violations::default();
        for action in self.replicas() {
            action.overrides.check(&mut violations)?;
        }
        violations.finish()?;
        for action in self.replicas().chain(self.witnesses()) {
            if let Kind::Other(what) = action.kind {
                return Err(Failure::unsupported(format_args!("a replica that is to {what}")));
            }
        }
        Ok(())
    }

    fn run_eventual(&self, context: &Context<'_>, asked: &Asked<'_>) -> Result<(), Failure> {
        let moves = self.replicas().filter(|action| action.kind != Kind::Update).count();
        if self.replicas().any(|action| Some(action.kind) != self.replicas().next().map(|first| first.kind)) {
            let text = "Update table operation with more than one type of replica actions not allowed.";
            return Err(Failure::validation(text));
        }
        if moves > 1 {
            let text = "Update table operation with more than one create or delete replica actions not allowed";
            return Err(Failure::validation(text));
        }
        for action in self.replicas() {
            match action.kind {
                Kind::Create => {
                    action.overrides.check_new(context, asked.definition, &action.region)?;
                    asked.world.create_replica(asked.table, asked.own, &action.region)?;
                    action.overrides.apply(context, asked.world, asked.table, &action.region)?;
                }
                Kind::Delete => {
                    check_no_source(context, asked.world, asked.table, &action.region)?;
                    asked.world.delete_replica(asked.table, asked.own, &action.region)?;
                }
                Kind::Update | Kind::Other(_) => {
                    asked.check_member(&action.region)?;
                    action.overrides.apply(context, asked.world, asked.table, &action.region)?;
                }
            }
        }
        Ok(())
    }

    fn run_strong(&self, asked: &Asked<'_>) -> Result<(), Failure> {
        let refuse = |text: &'static str| Err(Failure::validation(text));
        let is_strong = asked.before.is_some_and(|known| known.consistency == Consistency::Strong);
        if asked.before.is_some() && self.consistency.is_some() {
            return refuse("MultiRegionConsistency parameter is unsupported on existing global table");
        }
        if is_strong && self.replicas().chain(self.witnesses()).any(|action| action.kind == Kind::Create) {
            return refuse("Cannot add replicas to a global table with strong MultiRegionConsistency");
        }
        if is_strong {
            return self.delete_strong(asked);
        }
        if self.consistency.as_deref() != Some("STRONG") {
            return refuse(
                "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present.",
            );
        }
        if self.replicas().chain(self.witnesses()).any(|action| action.kind != Kind::Create) {
            return refuse(
                "Only Replica Create actions are supported when MultiRegionConsistency parameter is provided.",
            );
        }
        let regions =
            |actions: Vec<&Action>| actions.into_iter().map(|action| action.region.clone()).collect::<Vec<_>>();
        let (replicas, witnesses) = (regions(self.replicas().collect()), regions(self.witnesses().collect()));
        let mut all = [replicas.clone(), witnesses.clone()].concat();
        if let Some(region) = all.iter().find(|region| !STRONG_REGIONS.contains(&region.as_str())) {
            return Err(Failure::validation(format!(
                "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to STRONG: [{region}]."
            )));
        }
        let given = all.len();
        all.sort_unstable();
        all.dedup();
        if all.len() < given {
            return refuse("Cannot target multiple regions with the same action");
        }
        let peers = match (replicas.as_slice(), witnesses.as_slice()) {
            ([one, other], []) => StrongPeers::Replicas(one.clone(), other.clone()),
            ([replica], [witness]) => {
                StrongPeers::ReplicaAndWitness { replica: replica.clone(), witness: witness.clone() }
            }
            _ => {
                let text = "Unsupported replica count for global tables with MultiRegionConsistency set to STRONG.";
                return refuse(text);
            }
        };
        Ok(asked.world.create_strong(asked.table, asked.own, &peers)?)
    }

    /// The only way out of strong consistency: both other regions go in one call.
    fn delete_strong(&self, asked: &Asked<'_>) -> Result<(), Failure> {
        let Some(known) = asked.before else { return Ok(()) };
        for action in self.replicas() {
            asked.check_member(&action.region)?;
        }
        let deletes = |region: &str, actions: Vec<&Action>| {
            actions.iter().any(|action| action.kind == Kind::Delete && action.region == region)
        };
        if !known.replicas.iter().all(|replica| deletes(&replica.region, self.replicas().collect())) {
            return Err(Failure::validation(
                "Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to \
                 STRONG.",
            ));
        }
        if known.witness.as_ref().is_some_and(|witness| !deletes(witness, self.witnesses().collect())) {
            return Err(Failure::validation("Update table delete operation does not include all witnesses."));
        }
        Ok(asked.world.remove_peers(asked.table, asked.own)?)
    }
}

/// The table that replicas are asked for.
struct Asked<'a> {
    world: &'a World,
    table: &'a str,
    own: &'a str,
    definition: &'a TableDefinition,
    before: Option<&'a Replication>,
}

impl Asked<'_> {
    fn check_member(&self, region: &str) -> Result<(), Failure> {
        if self.before.is_some_and(|known| known.replica(region).is_some()) {
            return Ok(());
        }
        Err(Failure::validation(format!(
            "Update global table operation failed because one or more replicas were not part of the global table. Please \
             retry the request without these replicas: [{region}]."
        )))
    }
}

/// Names of actions.
const KINDS: [(&str, Kind); 4] = [
    ("Create", Kind::Create),
    ("Update", Kind::Update),
    ("Delete", Kind::Delete),
    ("Disassociate", Kind::Other("be disassociated")),
];

/// An element of `ReplicaUpdates`; the inner value is absent if it says nothing.
fn action(
    reader: &mut Reader<'_>,
    class: &str,
    kinds: &[(&'static str, Kind)],
) -> Result<Option<Option<Action>>, Failure> {
    let mut found = None;
    let present = shape::structure(reader, JsonContext::Element, class, |reader, name| {
        match kinds.iter().find(|(known, _)| *known == name) {
            Some((_, kind)) => found = details(reader, *kind)?.or(found.take()),
            None => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(present.then_some(found))
}

fn details(reader: &mut Reader<'_>, kind: Kind) -> Result<Option<Action>, Failure> {
    let (mut region, mut overrides) = (None, Overrides::default());
    let present = shape::structure(reader, JsonContext::Field, "ReplicationGroupMemberAction", |reader, name| {
        match name {
            "RegionName" => region = members::text(reader)?,
            _ => overrides.read_member(reader, name)?,
        }
        Ok(())
    })?;
    Ok(present.then(|| Action { kind, region: region.unwrap_or_default(), overrides }))
}
