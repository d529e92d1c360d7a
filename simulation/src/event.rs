//! What happens in a life: steps of a user, and blows of fate.

use hashrange::{
    Durability,
    testing::{Fault, FaultPlan, Operation},
};
use hashrange_test_support::world::{Draw, Mutation, Random, Setup, Step};

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Event {
    Step(Step),
    /// The power goes during the operation of the disk that comes after so many more.
    PowerCut {
        after: u64,
        aftermath: Aftermath,
    },
    /// The process is killed between two steps.
    Kill,
    /// An operation of the disk is going to fail.
    Fault(FaultPlan),
    /// The disk has room for so many more bytes.
    Full(u64),
    /// The disk works again, and the database is opened again.
    Heal,
}

/// What a machine does after its power was cut.
#[derive(Clone, Copy, Debug)]
pub struct Aftermath {
    /// Decides what is on the medium.
    pub image: u64,
    /// So many other images are looked at before.
    pub others: u64,
    /// The power goes again after so many operations of recovery.
    pub again: Option<u64>,
}

/// A life from beginning to end.
#[derive(Clone, Debug)]
pub struct Script {
    pub setup: Setup,
    pub disk_seed: u64,
    /// The power goes at this operation of the very first opening.
    pub first_cut: Option<(u64, Aftermath)>,
    pub events: Vec<Event>,
}

impl Aftermath {
    fn random(random: &mut Random) -> Self {
        let again = random.one_in(2).then(|| 1 + random.next_u64() % 14);
        Self { image: random.next_u64(), others: random.next_u64() % 3, again }
    }
}

impl Script {
    /// A life whose machine loses power again and again.
    pub fn with_crashes(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let mut script = Self::begin(random, 8);
        for _ in 0..random.below(12) {
            let mean = *random.pick(&[4, 16, 48]);
            let after = 1 + random.next_u64() % mean;
            script.events.push(Event::PowerCut { after, aftermath: Aftermath::random(random) });
            script.steps(random, 12);
            if random.one_in(6) {
                script.events.push(Event::Kill);
            }
        }
        script
    }

    /// A life whose disk fails, and sometimes its power too.
    pub fn with_faults(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xFA_017);
        let random = &mut random;
        let mut script = Self::begin(random, 3);
        for _ in 0..1 + random.below(5) {
            for _ in 0..1 + random.below(2) {
                script.events.push(fault(random));
            }
            script.steps(random, 10);
            match random.below(4) {
                0 => {
                    let after = 1 + random.next_u64() % 12;
                    script.events.push(Event::PowerCut { after, aftermath: Aftermath::random(random) });
                    script.steps(random, 6);
                }
                1 => script.events.push(Event::Kill),
                _ => {}
            }
            script.events.push(Event::Heal);
            script.steps(random, 3);
        }
        script
    }

    /// `rest` once in how many lives the first opening is undisturbed.
    fn begin(random: &mut Random, rest: usize) -> Self {
        let mut tables = vec![0, 1, 2, 3];
        while tables.len() > 1 && random.one_in(2) {
            tables.swap_remove(random.below(tables.len()));
        }
        let first_cut = random.one_in(rest).then(|| (1 + random.next_u64() % 12, Aftermath::random(random)));
        let create = |table: &usize| Event::Step(Step::Mutate(Mutation::CreateTable(*table), Durability::Sync));
        let events = tables.iter().map(create).collect();
        Self { setup: Setup::random(random), disk_seed: random.next_u64(), first_cut, events }
    }

    fn steps(&mut self, random: &mut Random, most: usize) {
        let mut tables: Vec<usize> = Vec::new();
        for event in &self.events {
            if let Event::Step(Step::Mutate(Mutation::CreateTable(table), _)) = event {
                tables.push(*table);
            }
        }
        for _ in 0..=random.below(most) {
            let mut draw = Draw { random, tables: &tables };
            self.events.push(Event::Step(Step::random(&mut draw)));
        }
    }
}

fn fault(random: &mut Random) -> Event {
    if random.one_in(8) {
        return Event::Full(random.next_u64() % 20_000);
    }
    let kind = *random.pick(&[Fault::InputOutput, Fault::NoSpace, Fault::ShortWrite]);
    let n = 1 + random.next_u64() % 12;
    let plan = match random.below(3) {
        0 => FaultPlan::any_change(n, kind),
        1 => FaultPlan::new(Operation::Sync, 1 + n / 3, kind),
        _ => FaultPlan::new(*random.pick(&Operation::ALL), 1 + n / 2, kind),
    };
    Event::Fault(if random.one_in(4) { plan.for_good() } else { plan })
}
