//! What an operation costs in DynamoDB's units: a read unit is a strongly consistent read of 4 KB, a write unit a
//! write of 1 KB, and every share of a unit is rounded up.

/// Bytes of one read unit.
pub const READ_UNIT_BYTES: usize = 4096;
/// Bytes of one write unit.
pub const WRITE_UNIT_BYTES: usize = 1024;

/// How strong a read is, and so what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStrength {
    /// Half a unit per 4 KB.
    Eventual,
    /// One unit per 4 KB.
    Strong,
    /// Two units per 4 KB.
    Transactional,
    /// Nothing: a cache answered.
    Cached,
}

impl ReadStrength {
    /// The strength of a read that did or did not ask for consistency.
    pub fn of(consistent: bool) -> Self {
        if consistent { Self::Strong } else { Self::Eventual }
    }
    fn factor(self) -> f64 {
        match self {
            Self::Eventual => 0.5,
            Self::Strong => 1.0,
            Self::Transactional => 2.0,
            Self::Cached => 0.0,
        }
    }
}

/// Units of reading `bytes` at once: an absent item and an empty page cost one.
#[expect(clippy::cast_precision_loss, reason = "a page has at most a few hundred units")]
pub fn read_units(bytes: usize, strength: ReadStrength) -> f64 {
    bytes.div_ceil(READ_UNIT_BYTES).max(1) as f64 * strength.factor()
}

/// Units of changing an item from one size to another (0 = absent): the larger image counts, at least one unit.
#[expect(clippy::cast_precision_loss, reason = "an item has at most 400 units")]
pub fn write_units(bytes_before: usize, bytes_after: usize) -> f64 {
    bytes_before.max(bytes_after).div_ceil(WRITE_UNIT_BYTES).max(1) as f64
}

/// Units of one index entry that appears, changes or disappears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexUnits {
    /// Position of the index in the table's definition.
    pub index: usize,
    /// Write units.
    pub units: u32,
}

/// Consumed capacity of one operation on one table, broken down by where it was consumed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consumed {
    /// Units of the table itself.
    pub table: f64,
    /// Units by local index that was touched.
    pub local_indexes: Vec<(String, f64)>,
    /// Units by global index that was touched.
    pub global_indexes: Vec<(String, f64)>,
}

impl Consumed {
    /// Units of a table without indexes touched.
    pub fn of_table(units: f64) -> Self {
        Self { table: units, ..Self::default() }
    }
    /// All units together.
    pub fn total(&self) -> f64 {
        let indexes = self.local_indexes.iter().chain(&self.global_indexes);
        self.table + indexes.map(|(_, units)| units).sum::<f64>()
    }
    /// Adds another operation's units.
    pub fn add(&mut self, other: &Self) {
        self.table += other.table;
        add_named(&mut self.local_indexes, &other.local_indexes);
        add_named(&mut self.global_indexes, &other.global_indexes);
    }
}

fn add_named(sums: &mut Vec<(String, f64)>, more: &[(String, f64)]) {
    for (name, units) in more {
        match sums.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += units,
            None => sums.push((name.clone(), *units)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_examples_of_the_developer_guide() {
        assert_eq!(write_units(0, 1024), 1.0);
        assert_eq!(write_units(0, 1025), 2.0);
        assert_eq!(write_units(3000, 100), 3.0);
        assert_eq!(write_units(0, 0), 1.0);
        assert_eq!(read_units(4097, ReadStrength::Eventual), 1.0);
        assert_eq!(read_units(4096, ReadStrength::Strong), 1.0);
        assert_eq!(read_units(5000, ReadStrength::Eventual), 1.0);
        assert_eq!(read_units(0, ReadStrength::Transactional), 2.0);
        assert_eq!(read_units(27648, ReadStrength::Strong), 7.0);
    }
}
