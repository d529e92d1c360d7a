//! Doing a step on a database and holding its answer against the model.

use super::{
    Random,
    answer::compare,
    judge::{Done, check, is_of_the_disk},
    shape::{END, shapes},
    state::{Outcome, State, with_key},
    step::{Assign, BEGIN_MILLIS, Change, Mutation, Step, When, Write},
    time::{lag, lose_swept, sweep},
};
use crate::nonce_ledger::{NonceLedger, WatchedDisk};
use hashrange::{
    Clock, Database, Durability, Error, ErrorKind, Item, ItemRef, OpenOptions, ReadMode, Result,
    admin::TableUpdate,
    encryption::RootKey,
    error::Detail,
    expression::{Condition, ExpressionKind, Placeholders, Scope, UpdateExpression},
    file::Disk,
    request::{
        BatchWriteItem, ClientRequestToken, ConditionCheck, DeleteItem, PutItem, ReturnValues, TransactWriteItem,
        TransactWriteItems, UpdateItem, WriteRequest,
    },
};
use std::{borrow::Cow, sync::Arc};

/// One of so many random setups is encrypted.
const ENCRYPTED_ONE_IN: u64 = 4;

/// How a database is opened: sizes so small that a few steps flush, split, compact and change log segments.
#[derive(Clone, Debug)]
pub struct Setup {
    pub partitions: usize,
    pub split_bytes: u64,
    pub memtable_bytes: usize,
    pub log_segment_bytes: u64,
    pub log_bytes: u64,
    pub runs_per_partition: usize,
    pub read_mode: ReadMode,
    pub clock: Clock,
    pub seed: u64,
    /// The files are encrypted, and this sees what is written.
    pub encrypted: Option<Arc<NonceLedger>>,
}

impl Setup {
    pub fn random(random: &mut Random) -> Self {
        let setup = Self {
            partitions: 1 + random.below(3),
            split_bytes: *random.pick(&[2048, 4096, 16384]),
            memtable_bytes: *random.pick(&[2048, 8192, 32768]),
            log_segment_bytes: *random.pick(&[4096, 8192, 65536]),
            log_bytes: *random.pick(&[8192, 32768, 1 << 20]),
            runs_per_partition: 2 + random.below(2),
            read_mode: if random.one_in(2) { ReadMode::Mapped } else { ReadMode::Buffered },
            clock: Clock::manual(BEGIN_MILLIS),
            seed: random.next_u64(),
            encrypted: None,
        };
        if setup.seed.is_multiple_of(ENCRYPTED_ONE_IN) { setup.encrypted() } else { setup }
    }

    /// The same with files that are encrypted.
    pub fn encrypted(self) -> Self {
        Self { encrypted: Some(Arc::default()), ..self }
    }

    /// How its database is opened.
    pub fn options(&self) -> OpenOptions {
        let options = Database::options()
            .background(false)
            .durability(Durability::Sync)
            .initial_partitions(self.partitions)
            .split_bytes(self.split_bytes)
            .memtable_bytes(self.memtable_bytes)
            .log_segment_bytes(self.log_segment_bytes)
            .log_bytes(self.log_bytes)
            .runs_per_partition(self.runs_per_partition)
            .block_cache_bytes(64 << 10)
            .clock(self.clock.clone())
            .seed(self.seed);
        match &self.encrypted {
            Some(_) => options.encryption(RootKey::from_bytes([7; 32])),
            None => options.read_mode(self.read_mode),
        }
    }

    /// Opens its database.
    pub fn open(&self, disk: Arc<dyn Disk>) -> Result<Database> {
        match &self.encrypted {
            Some(ledger) => self.options().open_on(WatchedDisk::new(disk, ledger.clone())),
            None => self.options().open_on(disk),
        }
    }
}

/// Does a step. `state` moves on with it if it succeeds; the error tells how the database contradicts the model.
pub fn run(db: &Database, step: &Step, state: &mut State) -> Result<Done, String> {
    let result = match step {
        Step::Mutate(mutation, durability) => return mutate(db, mutation, *durability, state),
        Step::Read(read) => return check(db, read, std::slice::from_ref(state)),
        Step::Flush => db.flush(),
        Step::Compact => db.compact(),
        Step::Work(units) => (0..*units).try_for_each(|_| db.step().map(drop)).and_then(|()| lose_swept(db, state)),
        Step::Sweep => return sweep(db, state),
        Step::Lag(writes) => {
            let before = state.clone();
            return lag(db, &before, || {
                for write in writes {
                    if let Done::Failed = mutate(db, &Mutation::One(write.clone()), Durability::Sync, state)? {
                        return Ok(None);
                    }
                }
                Ok(Some(state.clone()))
            });
        }
        Step::Sync => db.sync(),
        Step::Verify => {
            return match db.verify() {
                Err(error) if !is_of_the_disk(&error) => Err(format!("verify: {error}")),
                Err(_) => Ok(Done::Failed),
                Ok(_) => compare(db, state).map(|()| Done::AsExpected),
            };
        }
        Step::Clock(millis) => {
            db.clock().set_millis(*millis);
            Ok(())
        }
        Step::Reopen(_) => return Err("reopening is up to the caller".to_owned()),
    };
    match result {
        Ok(()) => Ok(Done::AsExpected),
        Err(error) if is_of_the_disk(&error) => Ok(Done::Failed),
        Err(error) => Err(format!("{step:?}: {error}")),
    }
}

fn mutate(db: &Database, mutation: &Mutation, durability: Durability, state: &mut State) -> Result<Done, String> {
    let (next, expected) = state.after(mutation);
    let outcome = match perform(db, mutation, durability) {
        Ok(outcome) => outcome,
        Err(error) if is_of_the_disk(&error) => return Ok(Done::Failed),
        Err(error) => return Err(format!("{mutation:?}: {error}")),
    };
    if !agree(mutation, &outcome, &expected) {
        return Err(format!("{mutation:?}\n  answered  {outcome:?}\n  should be {expected:?}"));
    }
    if let Outcome::Done(_) = outcome {
        *state = next;
        return repeat(db, mutation);
    }
    Ok(Done::AsExpected)
}

/// Whether the outcome of a mutation is the one that the model expects.
pub fn agree(mutation: &Mutation, outcome: &Outcome, expected: &Outcome) -> bool {
    match (outcome, expected) {
        // Only single writes tell what was there.
        (Outcome::Done(_), Outcome::Done(_)) if !matches!(mutation, Mutation::One(_)) => true,
        // An index that is being filled keeps its table from being dropped.
        (Outcome::Busy, Outcome::Done(_)) => matches!(mutation, Mutation::DropTable(_)),
        _ => outcome == expected,
    }
}

/// A transaction with a token that is sent again is not carried out again.
pub fn repeat(db: &Database, mutation: &Mutation) -> Result<Done, String> {
    let Mutation::Transact(writes, Some(token)) = mutation else { return Ok(Done::AsExpected) };
    match db.execute(&transaction(writes, Some(*token))) {
        Ok(output) if output.replayed => Ok(Done::AsExpected),
        Ok(_) => Err(format!("carried out twice under one token: {mutation:?}")),
        Err(error) if is_of_the_disk(&error) => Ok(Done::Failed),
        Err(error) => Err(format!("{mutation:?}, sent again: {error}")),
    }
}

/// What a change of a table that changes nothing is answered with.
fn unchanged(error: &Error) -> Option<Outcome> {
    match error.detail()? {
        Detail::IndexExists { .. }
        | Detail::StreamUnchanged { is_enabled: true, .. }
        | Detail::TtlUnchanged { is_enabled: true, .. } => Some(Outcome::Exists),
        Detail::StreamUnchanged { .. } | Detail::TtlUnchanged { .. } => Some(Outcome::NotFound),
        _ => None,
    }
}

/// Does a mutation. Errors that the model knows are outcomes.
pub fn perform(db: &Database, mutation: &Mutation, durability: Durability) -> Result<Outcome> {
    let result = match mutation {
        Mutation::One(write) => one(db, write, durability).map(|item| vec![item.map(Arc::new)]),
        Mutation::Batch(writes) => {
            let writes = writes.iter().map(|write| {
                let shape = &shapes()[write.table];
                let action = match &write.change {
                    Change::Put(attributes) => WriteRequest::Put(Cow::Owned(with_key(shape, write.key, attributes))),
                    _ => WriteRequest::Delete(shape.key_item(write.key).into()),
                };
                (shape.name.into(), action)
            });
            db.execute(&BatchWriteItem::new(writes)).map(|output| {
                assert!(output.unprocessed.is_empty(), "a small batch write left actions unprocessed");
                Vec::new()
            })
        }
        Mutation::Transact(writes, token) => db.execute(&transaction(writes, *token)).map(|_| Vec::new()),
        Mutation::CreateTable(table) => db.create_table_from(shapes()[*table].spec()).map(|_| Vec::new()),
        Mutation::DropTable(table) => db.delete_table(shapes()[*table].name).map(|_| Vec::new()),
        Mutation::CreateIndex(table) => {
            let shape = &shapes()[*table];
            let create_index = Some(shape.indexes[shape.extra()].clone());
            db.update_table(shape.name, TableUpdate { create_index, ..TableUpdate::default() }).map(|_| Vec::new())
        }
        Mutation::DropIndex(table) => {
            let delete_index = Some("extra".to_owned());
            let update = TableUpdate { delete_index, ..TableUpdate::default() };
            db.update_table(shapes()[*table].name, update).map(|_| Vec::new())
        }
        Mutation::Stream(table, wanted) => {
            let shape = &shapes()[*table];
            let stream = Some(wanted.then_some(shape.view));
            db.update_table(shape.name, TableUpdate { stream, ..TableUpdate::default() }).map(|_| Vec::new())
        }
        Mutation::Ttl(table, wanted) => db.update_ttl(shapes()[*table].name, END, *wanted).map(|_| Vec::new()),
    };
    match result {
        Ok(items) => Ok(Outcome::Done(items)),
        Err(error) => match error.kind() {
            ErrorKind::ConditionFailed => Ok(Outcome::ConditionFailed),
            ErrorKind::TransactionCanceled => {
                let reasons = error.cancellation_reasons().iter().map(|reason| reason.code() != "None");
                Ok(Outcome::Cancelled(reasons.collect()))
            }
            ErrorKind::NotFound => Ok(Outcome::NotFound),
            ErrorKind::InUse if matches!(mutation, Mutation::CreateTable(_)) => Ok(Outcome::Exists),
            ErrorKind::InUse if matches!(mutation, Mutation::DropTable(_)) => Ok(Outcome::Busy),
            _ => unchanged(&error).ok_or(error),
        },
    }
}

fn one(db: &Database, write: &Write, durability: Durability) -> Result<Option<Item>> {
    let shape = &shapes()[write.table];
    let table = db.dynamic_table(shape.name)?;
    let key = shape.key_item(write.key);
    let condition = write.when.map(|when| condition(write, when));
    let output = match &write.change {
        Change::Put(attributes) => {
            let item = with_key(shape, write.key, attributes);
            let put = table.put_with(&item).return_old().durability(durability);
            condition.into_iter().fold(put, |put, condition| put.when(condition)).send()
        }
        Change::Delete | Change::Check => {
            let delete = table.delete_with(&key).return_old().durability(durability);
            condition.into_iter().fold(delete, |delete, condition| delete.when(condition)).send()
        }
        Change::Update(assigns) => {
            let change = table.update(&key).apply(update(assigns)).durability(durability);
            let change = change.return_values(ReturnValues::AllNew);
            condition.into_iter().fold(change, |change, condition| change.when(condition)).send()
        }
    }?;
    Ok(output.attributes.as_ref().map(ItemRef::to_item))
}

/// A transaction of these writes; the number of the token stands for what it asks.
pub fn transaction(writes: &[Write], token: Option<u64>) -> TransactWriteItems<'static> {
    let action = |write: &Write| {
        let shape = &shapes()[write.table];
        let key = shape.key_item(write.key);
        let condition = write.when.map(|when| condition(write, when));
        match &write.change {
            Change::Put(attributes) => {
                let mut put = PutItem::new(shape.name, with_key(shape, write.key, attributes));
                put.condition = condition;
                TransactWriteItem::Put(put)
            }
            Change::Delete => {
                let mut delete = DeleteItem::new(shape.name, key);
                delete.condition = condition;
                TransactWriteItem::Delete(delete)
            }
            Change::Update(assigns) => {
                let mut change = UpdateItem::new(shape.name, key, update(assigns));
                change.condition = condition;
                TransactWriteItem::Update(change)
            }
            Change::Check => TransactWriteItem::ConditionCheck(ConditionCheck::new(shape.name, key, condition)),
        }
    };
    let mut request = TransactWriteItems::new(writes.iter().map(action));
    request.client_request_token = token.map(|token| ClientRequestToken::new(format!("token {token}")));
    request
}

fn condition(write: &Write, when: When) -> Condition {
    let key = Placeholders::none().name("#key", &shapes()[write.table].key.hash.name);
    let (text, placeholders) = match when {
        When::Exists => ("attribute_exists(#key)", key),
        When::Absent => ("attribute_not_exists(#key)", key),
        When::CounterAtLeast(least) => ("c >= :least", Placeholders::none().value(":least", least)),
    };
    Condition::parse(ExpressionKind::Condition, text, &mut Scope::new(&placeholders)).unwrap()
}

fn update(assigns: &[Assign]) -> UpdateExpression {
    let mut placeholders = Placeholders::none();
    let (mut set, mut add, mut remove) = (Vec::new(), Vec::new(), Vec::new());
    for assign in assigns {
        match assign {
            Assign::Text(text) => {
                placeholders = placeholders.value(":v", text.as_str());
                set.push("v = :v");
            }
            Assign::End(second) => {
                placeholders = placeholders.name("#end", END).value(":end", *second);
                set.push("#end = :end");
            }
            Assign::S(value) => {
                placeholders = placeholders.value(":s", value.clone());
                set.push("s = :s");
            }
            Assign::N(value) => {
                placeholders = placeholders.value(":n", value.clone());
                set.push("n = :n");
            }
            Assign::Append(number) => {
                let list = vec![hashrange::AttributeValue::from(*number)];
                placeholders =
                    placeholders.value(":more", list).value(":none", Vec::<hashrange::AttributeValue>::new());
                set.push("l = list_append(if_not_exists(l, :none), :more)");
            }
            Assign::Count(by) => {
                placeholders = placeholders.value(":by", *by);
                add.push("c :by");
            }
            Assign::Include(number) => {
                let set = hashrange::AttributeValue::Ns([hashrange::Number::from(*number)].into());
                placeholders = placeholders.value(":member", set);
                add.push("t :member");
            }
            Assign::RemoveS => remove.push("s"),
        }
    }
    let clauses = [("SET", set), ("ADD", add), ("REMOVE", remove)];
    let text: Vec<String> = clauses
        .iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(word, parts)| format!("{word} {}", parts.join(", ")))
        .collect();
    if text.is_empty() {
        return UpdateExpression::none();
    }
    UpdateExpression::parse(&text.join(" "), &mut Scope::new(&placeholders)).unwrap()
}
