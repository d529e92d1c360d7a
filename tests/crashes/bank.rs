//! A bank whose sum survives its process: eight threads transfer between accounts of two tables until the process is
//! killed, again and again in the same folder.
//!
//! Transfers are transactions of conditional updates and closures that read both accounts, synced and only buffered.
//! Each also writes a receipt and counts it, so that the parent finds every transfer that the child told of, and none in
//! part.
//!
//! `HASHRANGE_KILLS=100 cargo test --release -p hashrange --test crashes bank:: -- --nocapture` kills so many times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Error, ErrorKind, Item, Table, attr,
    key::{N, S},
};
use hashrange_test_support::child;
use std::{path::Path, thread, time::Duration};

const THREADS: i64 = 8;
const ACCOUNTS: i64 = 12;
const BALANCE: i64 = 100;

struct Bank {
    db: Database,
    /// Accounts with even numbers lie here, the others there.
    branches: [Table<N>; 2],
    receipts: Table<(S, N)>,
}

impl Bank {
    fn open(folder: &Path) -> Self {
        let options = Database::options().initial_partitions(2).memtable_bytes(64 << 10).split_bytes(32 << 10);
        let options = options.log_segment_bytes(64 << 10).log_bytes(256 << 10).runs_per_partition(2);
        let db = options.open(folder).unwrap();
        let branch = |name: &str| db.create_table(name).hash::<N>("number").open_or_create().unwrap();
        let branches = [branch("east"), branch("west")];
        let receipts = db.create_table("receipts").hash::<S>("thread").range::<N>("number").open_or_create().unwrap();
        Self { db, branches, receipts }
    }

    fn branch(&self, account: i64) -> &Table<N> {
        &self.branches[(account % 2) as usize]
    }

    fn fill(&self) {
        for account in 0..ACCOUNTS {
            self.branch(account).put(&Item::new().with("number", account).with("balance", BALANCE)).unwrap();
        }
    }

    fn balance(&self, account: i64) -> i64 {
        let item = self.branch(account).get(account).unwrap().unwrap();
        item.get("balance").and_then(|balance| balance.as_i64()).unwrap()
    }

    /// Receipts of a thread, which are numbered without a gap.
    fn receipts(&self, thread: i64) -> i64 {
        let numbers = self.receipts.query(name(thread)).items();
        let numbers: Vec<i64> = numbers.map(|item| item.unwrap().get("number").unwrap().as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>(), "receipts of thread {thread}");
        numbers.len() as i64
    }

    /// Transfers money between accounts that `tried` chooses and writes receipt `number`, if the money is there; whether
    /// it was.
    fn transfer(&self, thread: i64, number: i64, tried: i64) -> bool {
        let (from, to) = ((tried * 5 + thread) % ACCOUNTS, (tried * 7 + thread * 3 + 1) % ACCOUNTS);
        let amount = 1 + (tried + thread) % 40;
        if from == to {
            return false;
        }
        let receipt = Item::new().with("thread", name(thread)).with("number", number).with("amount", amount);
        if number % 2 == 0 {
            let closure = self.db.transaction(|tx| {
                let balance = |item: Option<hashrange::ItemRef>| item?.get("balance")?.as_i64();
                let has = balance(tx.get(self.branch(from), from)?).unwrap();
                let other = balance(tx.get(self.branch(to), to)?).unwrap();
                if has < amount {
                    return Ok(false);
                }
                tx.put(self.branch(from), &Item::new().with("number", from).with("balance", has - amount))?;
                tx.put(self.branch(to), &Item::new().with("number", to).with("balance", other + amount))?;
                tx.put(&self.receipts, &receipt)?;
                Ok::<_, Error>(true)
            });
            return match closure {
                Err(error) if error.kind() == ErrorKind::Conflict => false,
                other => other.unwrap(),
            };
        }
        let durability = if number % 3 == 0 { Durability::Sync } else { Durability::Buffered };
        let enough = attr("balance").ge(amount);
        let transaction = self.db.transact_write().durability(durability).put(&self.receipts, &receipt);
        let transaction =
            transaction.update(self.branch(from), from, |update| update.add("balance", -amount).when(enough));
        let transaction = transaction.update(self.branch(to), to, |update| update.add("balance", amount));
        match transaction.send() {
            Err(error) if error.kind() == ErrorKind::TransactionCanceled => false,
            other => other.map(|_| true).unwrap(),
        }
    }
}

fn name(thread: i64) -> String {
    format!("thread {thread}")
}

/// Runs as a child only: transfers until it is killed.
#[test]
#[ignore = "the process that is killed; the other test starts it"]
fn child() {
    let Some(folder) = child::folder() else { return };
    let bank = Bank::open(&folder);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let bank = &bank;
            scope.spawn(move || {
                let mut number = bank.receipts(thread) + 1;
                let mut tried = number;
                loop {
                    // What finds no money is tried between other accounts.
                    tried += 1;
                    if bank.transfer(thread, number, tried) {
                        child::tell(thread, number);
                        number += 1;
                    }
                }
            });
        }
    });
}

#[test]
fn transfers_keep_their_sum_through_kills() {
    let kills = child::kills(10);
    let folder = tempfile::tempdir().unwrap();
    Bank::open(folder.path()).fill();
    let mut before = vec![0; THREADS as usize];
    for kill in 0..kills {
        // From before the folder is open to well into the work.
        let millis = 5 + kill * 29 % 150;
        let told = child::run_and_kill(module_path!(), folder.path(), THREADS, Duration::from_millis(millis));
        let bank = Bank::open(folder.path());
        let balances: Vec<i64> = (0..ACCOUNTS).map(|account| bank.balance(account)).collect();
        assert_eq!(balances.iter().sum::<i64>(), ACCOUNTS * BALANCE, "kill {kill} after {millis} ms: {balances:?}");
        for (thread, told) in told.iter().enumerate() {
            let (count, least) = (bank.receipts(thread as i64), before[thread].max(*told));
            assert!(
                (least..=least + 1).contains(&count),
                "kill {kill} after {millis} ms: thread {thread} told of {told}, had {} before, {count} are there",
                before[thread]
            );
            before[thread] = count;
        }
        bank.db.verify().unwrap();
    }
    println!("{kills} kills, {} transfers, one sum", before.iter().sum::<i64>());
}
