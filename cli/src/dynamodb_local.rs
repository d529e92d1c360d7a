//! The command line of DynamoDB Local, as this program's: what started it starts this, with another name of the program or image.
//!
//! `-jar DynamoDBLocal.jar -sharedDb -inMemory` is `serve --shared-db --in-memory`. Options of a Java machine in front are left
//! out. Other options stay as they are.

use std::ffi::{OsStr, OsString};

/// Options of DynamoDB Local that begin a command line of it: with one of them no command has to be named.
const OPTIONS: [&str; 10] = [
    "-port",
    "-inMemory",
    "-dbPath",
    "-sharedDb",
    "-cors",
    "-delayTransientStatuses",
    "-optimizeDbBeforeStartup",
    "-disableTelemetry",
    "-help",
    "-version",
];

/// Turns the arguments of a process, the program's name first, into this program's.
pub(crate) fn arguments(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut given = given.into_iter();
    let mut arguments: Vec<OsString> = given.next().into_iter().collect();
    let rest: Vec<OsString> = given.collect();
    let options = after_java(&rest);
    let is_local = options.len() < rest.len() || options.first().is_some_and(|first| is_option(first));
    if is_local {
        arguments.push("serve".into());
    }
    // Values of other commands may look like an option here: `put` takes any text.
    let serves = is_local || command(options).is_some_and(|command| command == "serve");
    if serves && options.iter().any(|argument| argument == "-version") {
        // The version is the program's; `serve` has none.
        arguments.truncate(1);
        arguments.push("--version".into());
        return arguments;
    }
    let mut options = options.iter();
    while let Some(argument) = options.next() {
        match argument.to_str() {
            Some("-cors") if serves => arguments.extend(origins(options.next())),
            Some(option) if serves => arguments.extend(modern(option).into_iter().map(OsString::from)),
            _ => arguments.push(argument.clone()),
        }
    }
    arguments
}

/// The command: the first argument that is neither an option nor its value. All options in front of a command have a value.
fn command(arguments: &[OsString]) -> Option<&OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        if !text.starts_with('-') {
            return Some(argument);
        }
        if !text.contains('=') {
            arguments.next();
        }
    }
    None
}

/// The arguments behind `-jar FILE` and the options of the Java machine in front of it; all of them if there is no such thing.
fn after_java(arguments: &[OsString]) -> &[OsString] {
    let of_machine = |argument: &OsString| {
        argument.to_str().is_some_and(|text| ["-D", "-X", "-server", "-ea"].iter().any(|begin| text.starts_with(begin)))
    };
    let jar = arguments.iter().take_while(|argument| of_machine(argument)).count();
    match arguments.get(jar) {
        Some(option) if option == "-jar" => arguments.get(jar + 2..).unwrap_or_default(),
        _ => arguments,
    }
}

fn is_option(argument: &OsStr) -> bool {
    argument.to_str().is_some_and(|text| OPTIONS.contains(&text))
}

/// An option in this program's spelling: none where there is nothing to do.
fn modern(option: &str) -> Vec<&str> {
    match option {
        "-port" => vec!["--port"],
        "-inMemory" => vec!["--in-memory"],
        "-dbPath" => vec!["--data-dir"],
        "-sharedDb" => vec!["--shared-db"],
        "-delayTransientStatuses" => vec!["--timing", "service"],
        // The engine merges its files in the background, and sends nothing to its authors.
        "-optimizeDbBeforeStartup" | "-disableTelemetry" => Vec::new(),
        "-help" => vec!["--help"],
        other => vec![other],
    }
}

/// `-cors a,b` is one origin each.
fn origins(value: Option<&OsString>) -> Vec<OsString> {
    let Some(value) = value else { return vec!["--allow-origin".into()] };
    let text = value.to_string_lossy();
    text.split(',').flat_map(|origin| ["--allow-origin".into(), origin.trim().into()]).collect()
}

#[cfg(test)]
mod tests {
    use super::arguments;

    fn translated(line: &str) -> String {
        let given = format!("hashrange {line}");
        let words = arguments(given.split_whitespace().map(Into::into));
        words.iter().skip(1).map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn command_lines_of_dynamodb_local_serve() {
        for (given, ours) in [
            ("-jar DynamoDBLocal.jar -inMemory", "serve --in-memory"),
            ("-jar DynamoDBLocal.jar", "serve"),
            (
                "-Djava.library.path=./DynamoDBLocal_lib -Xmx512m -jar DynamoDBLocal.jar -sharedDb -dbPath ./data -port 9000",
                "serve --shared-db --data-dir ./data --port 9000",
            ),
            ("-sharedDb -inMemory", "serve --shared-db --in-memory"),
            (
                "-inMemory -cors http://a,http://b -delayTransientStatuses -disableTelemetry",
                "serve --in-memory --allow-origin http://a --allow-origin http://b --timing service",
            ),
            ("serve -port 8001 -optimizeDbBeforeStartup", "serve --port 8001"),
            ("-jar DynamoDBLocal.jar -version", "--version"),
            ("serve -inMemory -version", "--version"),
            ("--dir serve serve -inMemory", "--dir serve serve --in-memory"),
            ("--dir=x serve -port 1", "--dir=x serve --port 1"),
        ] {
            assert_eq!(translated(given), ours, "{given}");
        }
    }

    #[test]
    fn other_command_lines_stay_as_they_are() {
        for line in [
            "query t --hash -port",
            "put t -inMemory",
            "serve --port 8000",
            "",
            "scan -jar x",
            "put serve -version",
            "--dir serve get serve --hash -port",
        ] {
            assert_eq!(translated(line), line);
        }
    }
}
