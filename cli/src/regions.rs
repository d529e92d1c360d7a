//! One server for several regions, each at a port of its own, whose tables can be replicas of each other.

use crate::{args::DatabaseArgs, failure::Failure, output::Output, when::parse_millis};
use clap::Args;
use hashrange::{
    OpenOptions,
    regions::{LinkModel, World, WorldOptions},
    service::Delay,
};
use hashrange_wire::server::{BoundServer, Server, ServerOptions, Stopper};
use std::{io::Read, net::SocketAddr, path::Path};

/// The regions of a server.
#[derive(Debug, Args)]
pub(crate) struct RegionsArgs {
    /// Region as ARNs name it. REGION=PORT, several times, serves a region at each port: tables can have replicas in the others,
    /// by UpdateTable
    #[arg(long = "region", value_name = "REGION[=PORT]", default_value = "us-east-1", value_parser = region)]
    regions: Vec<RegionArgument>,
    /// How long a write takes to the other regions: 800ms, 2s, ...
    #[arg(long, value_name = "TIME", default_value = "800ms", value_parser = parse_millis)]
    replication_lag: u64,
}

/// A region, and the port at which it is served, if it has one of its own.
#[derive(Clone, Debug)]
struct RegionArgument {
    region: String,
    port: Option<u16>,
}

/// Regions whose ports are taken.
pub(crate) struct BoundRegions(Vec<(String, BoundServer)>);

/// Regions that are served.
pub(crate) struct ServedRegions {
    world: World,
    servers: Vec<(String, Server)>,
}

impl RegionsArgs {
    /// The region of a server that has one. Errors: some have ports, and others none.
    pub(crate) fn single(&self) -> Result<Option<&str>, Failure> {
        match self.regions.as_slice() {
            [only] if only.port.is_none() => Ok(Some(&only.region)),
            several if several.iter().all(|place| place.port.is_some()) => Ok(None),
            _ => Err(Failure::Usage(
                "--region: each of several regions needs a port: --region A=PORT --region B=PORT".into(),
            )),
        }
    }

    /// Takes the ports of all regions, with the other options of the server. Errors: one is taken.
    pub(crate) fn bind(&self, options: &ServerOptions) -> Result<BoundRegions, Failure> {
        let bind = |place: &RegionArgument| {
            let mut options = options.clone();
            options.address = SocketAddr::new(options.address.ip(), place.port.unwrap_or_default());
            options.owner.region.clone_from(&place.region);
            let address = options.address;
            let bound =
                Server::bind(options).map_err(|error| Failure::io(format!("cannot serve on {address}"), error))?;
            Ok((place.region.clone(), bound))
        };
        Ok(BoundRegions(self.regions.iter().map(bind).collect::<Result<_, Failure>>()?))
    }

    /// Rejects a folder that is the database of one server where regions are to be served, and the other way round: neither would
    /// find its data.
    pub(crate) fn check_folder(&self, folder: &Path, in_memory: bool) -> Result<(), Failure> {
        let shown = folder.display();
        match self.single()? {
            _ if in_memory => Ok(()),
            None if is_database(folder) => Err(Failure::Usage(format!(
                "{shown} is the database of one server, and those of several regions are in folders below it: move it to \
                 {shown}/REGION, or name another --data-dir"
            ))),
            Some(_) if !is_database(folder) => match regions_below(folder).as_slice() {
                [] => Ok(()),
                regions => Err(Failure::Usage(format!(
                    "{shown} has the databases of several regions: serve them with --region {}=PORT, or name another --data-dir",
                    regions.join("=PORT --region ")
                ))),
            },
            _ => Ok(()),
        }
    }

    /// Opens the databases of all regions, in folders below that of the arguments or in memory, and begins to serve. Errors: those
    /// of opening a database.
    pub(crate) fn serve(
        &self,
        bound: BoundRegions,
        database: &DatabaseArgs,
        engine: OpenOptions,
        in_memory: bool,
    ) -> Result<ServedRegions, Failure> {
        let link = LinkModel::lag(Delay::Fixed(self.replication_lag));
        let options = World::options().link(link).database(engine);
        let at = |options: WorldOptions, place: &RegionArgument| match in_memory {
            true => options.region(&place.region),
            false => options.region_in(&place.region, database.folder().join(&place.region)),
        };
        let world = self.regions.iter().fold(options, at).open()?;
        let mut servers = Vec::new();
        for (region, bound) in bound.0 {
            let server = bound.in_world(world.clone()).serve(world.database(&region)?);
            servers.push((region, server.map_err(|error| Failure::io("cannot begin to serve", error))?));
        }
        Ok(ServedRegions { world, servers })
    }
}

impl ServedRegions {
    pub(crate) fn stoppers(&self) -> Vec<Stopper> {
        self.servers.iter().map(|(_, server)| server.stopper()).collect()
    }
    /// Says where clients find each region.
    pub(crate) fn announce(&self, scheme: &str) -> Result<(), Failure> {
        let mut out = Output::new();
        for (_, server) in &self.servers {
            out.line(format_args!("listening on {scheme}://{}", server.address()))?;
        }
        for (region, server) in &self.servers {
            out.line(format_args!("region {region} is at {scheme}://{}", server.address()))?;
        }
        out.finish()
    }
    /// Waits until all ports are closed, and closes the databases. Errors: log or disk.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.servers.into_iter().for_each(|(_, server)| server.wait());
        Ok(self.world.close()?)
    }
}

/// What the file CURRENT of a database begins with. Other stores have a file of that name too.
const CURRENT_BEGINS: [u8; 5] = *b"hrCUR";

#[expect(clippy::disallowed_methods, reason = "nothing is read but whose folder it is")]
fn is_database(folder: &Path) -> bool {
    let mut begin = [0; CURRENT_BEGINS.len()];
    let read = std::fs::File::open(folder.join("CURRENT")).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == CURRENT_BEGINS
}

/// Whether it has the form of the service's names of regions: `us-east-1`, `us-gov-west-1`.
fn is_region_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    words.len() > 1
        && words.iter().all(is_word)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Names of the folders below one that are databases and are named like regions. One that cannot be read has none.
#[expect(clippy::disallowed_methods, reason = "nothing is read but which folders there are")]
fn regions_below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let databases = entries.filter(|entry| is_database(&entry.path()));
    let mut names: Vec<String> = databases.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| is_region_name(name));
    names.sort();
    names
}

fn region(text: &str) -> Result<RegionArgument, String> {
    let Some((region, port)) = text.split_once('=') else {
        return Ok(RegionArgument { region: text.to_owned(), port: None });
    };
    let port = port.parse().map_err(|_| format!("{port:?} is no port"))?;
    Ok(RegionArgument { region: region.to_owned(), port: Some(port) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read() {
        assert_eq!(region("eu-west-1").map(|place| (place.region, place.port)), Ok(("eu-west-1".into(), None)));
        assert_eq!(
            region("eu-west-1=8001").map(|place| (place.region, place.port)),
            Ok(("eu-west-1".into(), Some(8001)))
        );
        assert!(region("eu-west-1=x").is_err());
    }

    #[test]
    fn databases_of_regions_are_told_from_others() {
        assert!(["us-east-1", "us-gov-west-1", "ap-southeast-2"].iter().all(|name| is_region_name(name)));
        assert!(
            ["backup", "us-east", "US-EAST-1", "us-east-1a", "old-1", "us--1", ""]
                .iter()
                .all(|name| !is_region_name(name))
        );
    }
}
