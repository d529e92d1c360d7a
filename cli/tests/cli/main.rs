//! The real binary, run as people and scripts run it.

#[cfg(test)]
mod anywhere;
#[cfg(test)]
mod archive;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod commands;
#[cfg(test)]
#[cfg(feature = "copy")]
mod copy;
#[cfg(test)]
mod cost;
#[cfg(test)]
#[cfg(feature = "encryption")]
mod encryption;
#[cfg(test)]
mod history;
#[cfg(test)]
mod import_export;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod lessons;
#[cfg(test)]
mod mask;
#[cfg(test)]
mod models;
#[cfg(test)]
mod place;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod server;
mod sql;
