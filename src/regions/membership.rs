//! Replicas that come and go.
//!
//! Which regions have a table is kept with the table in each of them. A region that is added gets every item from each of the
//! others, since what one of them wrote may be on its way to the rest; what is written meanwhile comes over the links.

use super::{
    coordinator::out_of_service,
    region::Region,
    settings::of_new_replica,
    strong::StrongPeers,
    world::{Inner, World, WorldState},
};
use crate::{
    engine::TableSpec,
    error::{Error, Result},
    scaling::ScalableResource,
    schema::{BillingMode, Consistency, IndexKind, Replica, ReplicaStatus, Replication, TableDefinition},
};
use std::{collections::BTreeSet, sync::Arc};

impl World {
    /// Adds a replica of a table in another region, with all items; it is in use when this returns. `from` is a region that has
    /// the table. A table without a stream gets one. Provisioned tables need auto scaling of writes. The world is
    /// busy until all items are copied; writes in other regions go on.
    ///
    /// # Errors
    /// Validation, with the texts of the service: an unknown region, a table of that name in the region, a provisioned table
    /// without auto scaling, a table with strong consistency. `NotFound`: there is no such table. `Unavailable`: the regions
    /// are not connected. Log or disk; nothing is left of the replica then.
    pub fn create_replica(&self, table: &str, from: &str, region: &str) -> Result<()> {
        let world = &self.inner;
        let to = self.other_region(from, region)?;
        let from = world.number_of(from)?;
        let mut state = world.lock();
        let definition = world.definition(from, table)?;
        if definition.replication.as_ref().is_some_and(|known| known.consistency == Consistency::Strong) {
            return Err(Error::validation("Cannot add replicas to a global table with strong MultiRegionConsistency"));
        }
        world.check_absent(table, to)?;
        check_capacity(&world.regions[from], &definition)?;
        world.add_replicas(&mut state, &definition, from, &[to], Consistency::Eventual, None)
    }

    /// Makes three regions of one that has an empty table, with strong consistency: the other two, or one and a witness. `from`
    /// is the region that has the table. There is no way to change the regions later but [`World::remove_peers`].
    ///
    /// # Errors
    /// Validation, with the texts of the service where they are known: the table has items, replicas, local indexes or time to
    /// live; a region is unknown, comes twice or has a table of that name. `Unavailable`: regions are not connected. Log or disk.
    pub fn create_strong(&self, table: &str, from: &str, peers: &StrongPeers) -> Result<()> {
        let world = &self.inner;
        let to = peers.regions().map(|region| self.other_region(from, region));
        let [one, other] = to;
        let to = [one?, other?];
        if to[0] == to[1] {
            return Err(Error::validation("Cannot target multiple regions with the same action"));
        }
        let from = world.number_of(from)?;
        let mut state = world.lock();
        let definition = world.definition(from, table)?;
        if definition.replication.is_some() {
            let text = "MultiRegionConsistency parameter is unsupported on existing global table";
            return Err(Error::validation(text));
        }
        check_strong(&world.regions[from], &definition)?;
        to.iter().try_for_each(|to| world.check_absent(table, *to))?;
        check_capacity(&world.regions[from], &definition)?;
        world.add_replicas(&mut state, &definition, from, &to, Consistency::Strong, peers.witness())?;
        // Each region notes now how far it has the log of the others. Without these notes the next opening could not tell that a region was
        // put back.
        world.note_places(&mut state, &[from, to[0], to[1]])
    }

    /// Removes the replica of a table in a region, with its items. `from` is another region that has the table. What was written in
    /// the removed one and is on its way to the others arrives first where the links work, and is lost where they do not: the others are
    /// compared then, so that they become equal. The last region that is left has a table like any other, and keeps its stream.
    ///
    /// # Errors
    /// Validation, with the texts of the service: the region is no replica, it is `from` itself, the table there is protected
    /// against deletion, or it has strong consistency. `NotFound`: there is no such table. Log or disk.
    pub fn delete_replica(&self, table: &str, from: &str, region: &str) -> Result<()> {
        let world = &self.inner;
        let to = self.other_region(from, region)?;
        let from = world.number_of(from)?;
        let mut state = world.lock();
        let definition = world.definition(from, table)?;
        let Some(replication) = definition.replication.as_deref().filter(|known| known.replica(region).is_some())
        else {
            return Err(Error::validation(format!(
                "Update global table operation failed because one or more replicas were not part of the global table. \
                 Please retry the request without these replicas: [{region}]."
            )));
        };
        if replication.consistency == Consistency::Strong {
            return Err(Error::validation(
                "Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to \
                 STRONG.",
            ));
        }
        world.remove_replica(&mut state, table, replication, to)
    }

    /// Removes both other regions of a table with strong consistency, with their items. What they have and `from` has not is
    /// taken over before. After an error call it again.
    ///
    /// # Errors
    /// Validation: the table has no strong consistency, or it is protected against deletion in another region. `NotFound`: there is
    /// no such table, or `from` is its witness. `Unavailable`: no other region can be reached, so that acknowledged writes could be
    /// lost. Log or disk.
    pub fn remove_peers(&self, table: &str, from: &str) -> Result<()> {
        let world = &self.inner;
        let from = world.number_of(from)?;
        let mut state = world.lock();
        let definition = world.definition(from, table)?;
        let replication = definition.replication.as_deref().filter(|known| known.consistency == Consistency::Strong);
        let Some(replication) = replication else {
            return Err(Error::validation(format!("table {table} has no strong consistency")));
        };
        let peers: Vec<usize> = replication.regions().skip(1).filter_map(|name| world.number_of(name).ok()).collect();
        peers.iter().try_for_each(|peer| world.check_unprotected(table, *peer))?;
        let agrees = |peer: &usize| state.topology.can_agree(from, *peer) && world.share(table, (from, *peer));
        let reached: Vec<usize> = peers.iter().copied().filter(agrees).collect();
        if reached.is_empty() {
            return Err(out_of_service(&format!("region {} reaches no second region", replication.region)));
        }
        // One of them has, with this region, all that was acknowledged.
        for peer in reached {
            world.bring_over(&mut state, (peer, from), &[table.to_owned()])?;
        }
        for peer in peers {
            Inner::forget(&mut state, table, peer);
            world.drop_copy(table, peer)?;
        }
        world.regions[from].engine().set_replication(table, None).map(drop)
    }

    fn other_region(&self, from: &str, region: &str) -> Result<usize> {
        self.inner.number_of(from)?;
        if from == region {
            return Err(Error::validation(
                "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable \
                 as required.",
            ));
        }
        self.inner.number_of(region)
    }

    /// Brings what the tables of a world say of each other into line with what is there: after a crash, and where a database was
    /// changed outside of the world.
    pub(super) fn repair_membership(&self) -> Result<()> {
        let world = &self.inner;
        let mut state = world.lock();
        let mut tables: Vec<String> = world.regions.iter().flat_map(Region::replicated_tables).collect();
        tables.sort_unstable();
        tables.dedup();
        tables.iter().try_for_each(|table| world.repair(&mut state, table))
    }
}

impl Inner {
    /// A table that requests find. Errors: there is none in the region, which is not where a table has its witness; it is being
    /// loaded.
    pub fn definition(&self, region: usize, table: &str) -> Result<Arc<TableDefinition>> {
        let region = &self.regions[region];
        if region.replicated(table).is_some_and(|(_, known)| known.witness.as_ref() == Some(&region.name)) {
            return Err(Error::no_table_named(table));
        }
        Ok(region.engine().existing(table)?.state().definition.clone())
    }

    fn check_absent(&self, table: &str, region: usize) -> Result<()> {
        if self.regions[region].engine().table(table).is_none() {
            return Ok(());
        }
        Err(Error::validation(format!(
            "Failed to create a the new replica of table with name: \u{2018}{table}\u{2019} because one or more replicas \
             already existed as tables."
        )))
    }

    /// Adds replicas to what is a table of one region, or of several.
    fn add_replicas(
        &self,
        state: &mut WorldState,
        definition: &TableDefinition,
        from: usize,
        to: &[usize],
        consistency: Consistency,
        witness: Option<&str>,
    ) -> Result<()> {
        if let Some(cut) = to.iter().find(|to| !state.topology.can_agree(from, **to)) {
            return Err(out_of_service(&format!("region {} cannot be reached", self.regions[*cut].name)));
        }
        let before = definition.replication.as_deref().cloned();
        let known = before.clone().unwrap_or_else(|| Replication {
            region: self.regions[from].name.clone(),
            replicas: Vec::new(),
            consistency,
            witness: witness.map(str::to_owned),
        });
        let added = self.added(state, definition, from, &known, to);
        if added.is_err() {
            // Whatever there is of the new replicas goes. If that fails, the next opening of the world does it.
            for region in to {
                let _ = self.drop_copy(&definition.name, *region);
            }
            let members: Vec<String> = known.regions().map(str::to_owned).collect();
            for member in members.iter().filter_map(|name| self.number_of(name).ok()).filter(|at| !to.contains(at)) {
                let _ = match &before {
                    None => self.regions[member].engine().set_replication(&definition.name, None).map(drop),
                    Some(_) => self.change(&definition.name, member, |replication| {
                        replication
                            .replicas
                            .retain(|replica| to.iter().all(|at| self.regions[*at].name != replica.region));
                    }),
                };
            }
        }
        added
    }

    fn added(
        &self,
        state: &mut WorldState,
        definition: &TableDefinition,
        from: usize,
        known: &Replication,
        to: &[usize],
    ) -> Result<()> {
        let (table, now_millis) = (definition.name.as_str(), self.now_millis());
        let names: Vec<&str> = to.iter().map(|at| self.regions[*at].name.as_str()).collect();
        let served = |name: &str| known.witness.as_deref() != Some(name);
        let source = Some(self.regions[from].name.clone());
        let replica = |region: &str, status, source| Replica {
            region: region.to_owned(),
            status,
            created_millis: now_millis,
            source,
        };
        let old: Vec<String> =
            known.regions().filter(|name| served(name) && !names.contains(name)).map(str::to_owned).collect();
        let members: Vec<usize> = old.iter().filter_map(|name| self.number_of(name).ok()).collect();
        // From now on writes are stamped and sent.
        for member in &members {
            let mut own = match self.regions[*member].replicated(table) {
                Some((_, own)) => own,
                None => known.clone(),
            };
            // One of these names is there if its table was deleted outside of the world.
            own.replicas.retain(|replica| !names.contains(&&*replica.region));
            let new = names.iter().filter(|name| served(name));
            own.replicas.extend(new.map(|name| replica(name, ReplicaStatus::Creating, source.clone())));
            self.regions[*member].engine().set_replication(table, Some(own))?;
        }
        for region in to {
            let name = &self.regions[*region].name;
            let others = old.iter().map(String::as_str).chain(names.iter().copied());
            let others = others.filter(|other| other != name && served(other));
            let replication = Replication {
                region: name.clone(),
                replicas: others.map(|other| replica(other, ReplicaStatus::Active, None)).collect(),
                ..known.clone()
            };
            let slot = self.regions[*region].engine().create_replica(spec_of_replica(definition), replication)?;
            for member in &members {
                if state.topology.is_connected(*member, *region) {
                    self.copy_table(state, (*member, *region), table)?;
                } else {
                    self.compare_later(state, (*member, *region))?;
                }
            }
            if served(name) {
                let stream = self.definition(from, table)?.stream.as_ref().map(|stream| stream.view);
                self.regions[*region].engine().activate_replica(&slot, stream)?;
            }
        }
        for member in members {
            self.change(table, member, |replication| {
                let new = replication.replicas.iter_mut().filter(|replica| names.contains(&&*replica.region));
                new.for_each(|replica| replica.status = ReplicaStatus::Active);
            })?;
        }
        Ok(())
    }

    /// Changes what a table in a region knows of its replicas.
    fn change(&self, table: &str, region: usize, change: impl FnOnce(&mut Replication)) -> Result<()> {
        let Some((_, before)) = self.regions[region].replicated(table) else { return Ok(()) };
        let mut replication = before.clone();
        change(&mut replication);
        let is_alone = replication.replicas.is_empty() && replication.witness.is_none();
        if is_alone || replication != before {
            let replication = Some(replication).filter(|_| !is_alone);
            self.regions[region].engine().set_replication(table, replication)?;
        }
        Ok(())
    }

    fn check_unprotected(&self, table: &str, region: usize) -> Result<()> {
        let region = &self.regions[region];
        if region.replicated(table).is_none_or(|(slot, _)| !slot.state().definition.deletion_protection) {
            return Ok(());
        }
        Err(Error::validation(format!(
            "Cannot delete table {table} in region {} because it has deletion protection enabled. Disable deletion \
             protection first.",
            region.name
        )))
    }

    fn remove_replica(&self, state: &mut WorldState, table: &str, known: &Replication, region: usize) -> Result<()> {
        let name = &self.regions[region].name;
        self.check_unprotected(table, region)?;
        let members: Vec<usize> =
            known.regions().filter(|member| member != name).filter_map(|member| self.number_of(member).ok()).collect();
        // What one of the others has of it all of them have to have, also of what is written there meanwhile.
        let engine = self.regions[region].engine();
        let last_commit = engine.last_commit();
        let mut is_everywhere = true;
        for member in &members {
            is_everywhere &= state.topology.is_connected(region, *member)
                && self.bring_over(state, (region, *member), &[table.to_owned()]).is_ok();
        }
        if !is_everywhere || engine.last_commit() != last_commit {
            self.compare_among(state, &members)?;
        }
        for member in members {
            self.change(table, member, |replication| replication.replicas.retain(|replica| replica.region != *name))?;
        }
        Self::forget(state, table, region);
        self.drop_copy(table, region)
    }

    /// Removes the table of a region that was a replica.
    fn drop_copy(&self, table: &str, region: usize) -> Result<()> {
        let engine = self.regions[region].engine();
        match engine.table(table) {
            Some(slot) if slot.state().definition.replication.is_some() => engine.drop_replica(&slot),
            _ => Ok(()),
        }
    }

    fn repair(&self, state: &mut WorldState, table: &str) -> Result<()> {
        let there: Vec<(usize, Replication)> =
            (0..self.regions.len()).filter_map(|at| Some((at, self.regions[at].replicated(table)?.1))).collect();
        let named = |region: &str| there.iter().any(|(at, _)| self.regions[*at].name == region);
        let by_all = |region: &str| {
            there.iter().any(|(_, known)| known.region != region && known.regions().any(|at| at == region))
        };
        let members = |at: usize| {
            let known = self.regions[at].replicated(table).map(|(_, known)| known);
            known.map(|known| known.regions().map(str::to_owned).collect::<BTreeSet<_>>())
        };
        let before: Vec<_> = there.iter().map(|(at, _)| members(*at)).collect();
        for (at, known) in &there {
            // One that none of the others names was removed while it was away.
            if there.len() > 1 && !by_all(&known.region) {
                self.regions[*at].engine().set_replication(table, None)?;
                continue;
            }
            self.change(table, *at, |replication| {
                // Regions that are not in the world this time stay members.
                replication
                    .replicas
                    .retain(|replica| named(&replica.region) || self.number_of(&replica.region).is_err());
                replication.replicas.iter_mut().for_each(|replica| replica.status = ReplicaStatus::Active);
                let is_witness = |region: &str| replication.witness.as_deref() == Some(region);
                let missing = there.iter().map(|(_, other)| other.region.as_str()).filter(|region| {
                    *region != replication.region && replication.replica(region).is_none() && !is_witness(region)
                });
                let missing: Vec<Replica> = missing
                    .map(|region| Replica {
                        region: region.to_owned(),
                        status: ReplicaStatus::Active,
                        created_millis: self.now_millis(),
                        source: None,
                    })
                    .collect();
                replication.replicas.extend(missing);
                // The creation of the table was interrupted, or only the witness is left besides this region.
                let is_missing = |witness: &String| !named(witness) && self.number_of(witness).is_ok();
                if replication.replicas.is_empty() {
                    replication.witness.take_if(|witness| is_missing(witness));
                }
            })?;
        }
        self.renew_witness(state, table)?;
        // Between what was sent by the one and by the other, changes may have been lost.
        let regions: Vec<usize> = there.iter().map(|(at, _)| *at).collect();
        if regions.iter().map(|at| members(*at)).collect::<Vec<_>>() == before {
            return Ok(());
        }
        self.compare_among(state, &regions)
    }
}

impl Inner {
    /// Makes a new copy for a witness that lost its copy. It does so only if all regions that serve the table are in this world:
    /// together they have every write that the witness had. Until then no region agrees with the witness.
    fn renew_witness(&self, state: &mut WorldState, table: &str) -> Result<()> {
        let serving = (0..self.regions.len()).find_map(|at| Some((at, self.regions[at].replicated(table)?)));
        let Some((serving, (slot, known))) = serving else { return Ok(()) };
        let witness = known.witness.as_deref().and_then(|witness| self.number_of(witness).ok());
        let Some(at) = witness.filter(|at| self.regions[*at].engine().table(table).is_none()) else { return Ok(()) };
        let names: Vec<String> =
            known.regions().filter(|name| *name != self.regions[at].name).map(str::to_owned).collect();
        let others: Vec<usize> = names.iter().filter_map(|name| self.number_of(name).ok()).collect();
        if others.len() < names.len() || !others.iter().all(|other| self.share(table, (serving, *other))) {
            return Ok(());
        }
        // The comparison is noted before the copy is made. So the witness agrees with no region before it has what the others have, also
        // if the process ends between the two steps.
        others.iter().try_for_each(|other| self.compare_later(state, (*other, at)))?;
        let replica = |region: &String| Replica {
            region: region.clone(),
            status: ReplicaStatus::Active,
            created_millis: self.now_millis(),
            source: None,
        };
        let replicas = names.iter().map(replica).collect();
        let replication = Replication { region: self.regions[at].name.clone(), replicas, ..known };
        self.regions[at].engine().create_replica(spec_of_replica(&slot.state().definition), replication).map(drop)
    }
}

/// A new replica of a table.
fn spec_of_replica(definition: &TableDefinition) -> TableSpec {
    TableSpec {
        ttl_attribute: definition.ttl_attribute.clone(),
        settings: of_new_replica(&definition.settings),
        ..TableSpec::like(definition, &definition.name)
    }
}

/// Writes of replicas have to be paid for in each region, so that a table that is provisioned has to grow with them.
fn check_capacity(region: &Region, definition: &TableDefinition) -> Result<()> {
    if definition.billing == BillingMode::PayPerRequest {
        return Ok(());
    }
    let scaling = region.database.auto_scaling().ok();
    let is_scaled = |resource: &ScalableResource| {
        scaling.as_ref().is_some_and(|scaling| {
            scaling.targets().iter().any(|target| target.resource == *resource)
                && scaling.policies().iter().any(|policy| policy.resource == *resource)
        })
    };
    let writes = ScalableResource::writes_of(&definition.name);
    if !is_scaled(&writes) {
        return Err(Error::validation("Table write capacity should either be Pay-Per-Request or AutoScaled."));
    }
    let mut indexes = definition.indexes.iter().filter(|index| index.kind == IndexKind::Global);
    if !indexes.all(|index| is_scaled(&writes.clone().index(&index.name))) {
        return Err(Error::validation("GSI write capacity should either be Pay-Per-Request or AutoScaled."));
    }
    Ok(())
}

/// Errors: a table that strong consistency is not for.
fn check_strong(region: &Region, definition: &TableDefinition) -> Result<()> {
    if definition.indexes.iter().any(|index| index.kind == IndexKind::Local) {
        let text =
            "Local secondary indexes are not supported for global tables with MultiRegionConsistency set to STRONG.";
        return Err(Error::validation(text));
    }
    if definition.ttl_attribute.is_some() {
        let text = "TimeToLive is not supported for global tables with MultiRegionConsistency set to STRONG.";
        return Err(Error::validation(text));
    }
    if region.engine().digest(&definition.name)?.items > 0 {
        let text = "Table must be empty for global tables with MultiRegionConsistency set to STRONG.";
        return Err(Error::validation(text));
    }
    Ok(())
}
