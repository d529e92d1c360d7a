//! What a container and a package need of the program: DynamoDB Local's command lines, a health check, clients of other
//! machines, and the manual.

use crate::place::{Place, Run, protect};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// A server that was started by some command line; it stops when this is dropped.
struct Served {
    child: Child,
    port: String,
}

impl Served {
    fn start(place: &Place, line: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hashrange"));
        command.current_dir(place.file("")).args(line).envs(variables.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let port = first.trim().rsplit(':').next().unwrap_or_default().to_owned();
        Self { child, port }
    }

    /// The head of the answer to a request of a client that calls the server by `host`.
    fn ask(&self, host: &str, more: &str) -> String {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", self.port)).unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn command_lines_of_dynamodb_local_start_the_server() {
    let place = Place::new();
    for line in [
        &["-jar", "DynamoDBLocal.jar", "-inMemory", "-port", "0"][..],
        &[
            "-Djava.library.path=./DynamoDBLocal_lib",
            "-jar",
            "DynamoDBLocal.jar",
            "-sharedDb",
            "-dbPath",
            "data",
            "-port",
            "0",
        ],
        &["-sharedDb", "-inMemory", "-delayTransientStatuses", "-disableTelemetry", "-port", "0"],
    ] {
        let served = Served::start(&place, line, &[]);
        assert!(served.ask("localhost", "").starts_with("HTTP/1.1 200"), "{line:?}");
    }
    assert!(place.database().is_dir(), "-dbPath names the folder");
    let served = Served::start(&place, &["-inMemory", "-cors", "http://a,http://b", "-port", "0"], &[]);
    assert!(served.ask("localhost", "Origin: http://b\r\n").starts_with("HTTP/1.1 200"));
    assert!(!served.ask("localhost", "Origin: http://c\r\n").starts_with("HTTP/1.1 200"));
    for line in [&["-version"][..], &["-jar", "DynamoDBLocal.jar", "-version"], &["serve", "-version"]] {
        let run = Run::of(&Command::new(env!("CARGO_BIN_EXE_hashrange")).args(line).output().unwrap());
        assert!(run.code == 0 && run.out.starts_with("hashrange "), "{line:?}: {run:?}");
    }
}

/// The service: any client with credentials reaches it.
/// Here: a server without credentials listens on local addresses, and serves others when that is said.
#[test]
fn any_client_is_served_only_where_that_is_said() {
    let place = Place::new();
    let refused = place.fails(1, &["serve", "--port", "0", "--host", "0.0.0.0"]);
    assert!(refused.contains("set credentials to listen there, or allow any client"), "{refused}");
    let variables = [("HASHRANGE_HOST", "0.0.0.0"), ("HASHRANGE_ANY_CLIENT", "true"), ("HASHRANGE_PORT", "0")];
    let served = Served::start(&place, &["-jar", "DynamoDBLocal.jar", "-inMemory"], &variables);
    assert!(served.ask("dynamodb", "").starts_with("HTTP/1.1 200"), "a name of a container network");
    assert!(!served.ask("dynamodb", "Origin: http://evil\r\n").starts_with("HTTP/1.1 200"), "pages stay refused");
    let local = Served::start(&place, &["serve", "--in-memory", "--port", "0"], &[]);
    assert!(!local.ask("dynamodb", "").starts_with("HTTP/1.1 200"), "without it only local names are served");
    // Policies win over the variable, which is set in the image.
    let policies = place.write(
        "policies.json",
        r#"{"policies": {"all": {"Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}},
            "principals": [{"name": "a", "access_key_id": "AKIDEXAMPLE", "secret": "secret", "policies": ["all"]}]}"#,
    );
    protect(&policies);
    let guarded = Served::start(&place, &["serve", "--in-memory", "--policies", &policies], &variables);
    let answer = guarded.ask("localhost", "");
    assert!(answer.contains("MissingAuthenticationToken"), "{answer}");
}

/// Which authorities are trusted says the machine, or a variable.
#[test]
#[cfg(all(unix, feature = "tls"))]
fn servers_with_a_certificate_of_ones_own_are_asked() {
    let place = Place::new();
    let certified = |name: &str| {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = place.write(&format!("{name}.pem"), certified.cert.pem());
        let key = place.write(&format!("{name}.key"), certified.signing_key.serialize_pem());
        protect(&key);
        (certificate, key)
    };
    let ((own, key), (other, _)) = (certified("own"), certified("other"));
    let served =
        Served::start(&place, &["serve", "--in-memory", "--port", "0", "--tls-cert", &own, "--tls-key", &key], &[]);
    let url = format!("https://localhost:{}/", served.port);
    let missing = place.file("none.pem").display().to_string();
    let bench = ["bench", "ycsb-c", "--records", "20", "--operations", "20", "--endpoint", &url];
    for command in [&["health", &url][..], &bench] {
        let run = |trusted: &str| Run::of(&place.command(command).env("SSL_CERT_FILE", trusted).output().unwrap());
        assert_eq!(run(&own).code, 0, "{:?}", run(&own));
        for (trusted, expected) in [(&other, "certificate"), (&key, "no certificate in PEM"), (&missing, "none.pem")] {
            let run = run(trusted);
            assert!(run.code == 1 && run.err.contains(expected) && !run.err.contains("panicked"), "{run:?}");
        }
    }
}

#[test]
fn health_says_whether_a_server_answers() {
    let place = Place::new();
    let served = Served::start(&place, &["serve", "--in-memory", "--port", "0"], &[]);
    let run = Run::of(
        &Command::new(env!("CARGO_BIN_EXE_hashrange")).args(["health", "--port", &served.port]).output().unwrap(),
    );
    assert!(run.code == 0 && run.out.starts_with("healthy: dynamodb."), "{run:?}");
    let url = format!("http://127.0.0.1:{}/", served.port);
    assert_eq!(place.run(&["health", &url]).code, 0);
    assert_eq!(place.run(&["health", &format!("{url}nowhere")]).code, 1);
    // The address wins over the variable of the port, and no proxy of the environment is asked.
    for (name, value) in
        [("HASHRANGE_PORT", "1"), ("HTTP_PROXY", "http://127.0.0.1:1"), ("ALL_PROXY", "http://127.0.0.1:1")]
    {
        let run = Run::of(&place.command(&["health", &url]).env(name, value).output().unwrap());
        assert_eq!(run.code, 0, "{name}: {run:?}");
    }
    let mut bench = place.command(&["bench", "ycsb-c", "--records", "20", "--operations", "20", "--endpoint", &url]);
    let run = Run::of(&bench.env("HTTP_PROXY", "http://127.0.0.1:1").output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    drop(served);
    let unwell = place.fails(1, &["health", &url, "--timeout-millis", "500"]);
    assert!(unwell.contains("is not well"), "{unwell}");
}

#[test]
fn the_manual_has_every_command_that_help_lists() {
    let place = Place::new();
    let page = place.ok(&["manual"]);
    let listed = place.ok(&["help"]);
    let commands = listed.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut count = 0;
    for command in commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        assert!(page.contains(&format!("## `hashrange {command}`")), "{command} is not in the manual");
        count += 1;
    }
    assert!(count > 20, "{listed}");
    let folder = place.file("man");
    #[expect(clippy::disallowed_methods, reason = "the folder for the pages")]
    std::fs::create_dir_all(&folder).unwrap();
    place.ok(&["manual", "--man-dir", folder.to_str().unwrap()]);
    assert!(folder.join("hashrange.1").is_file() && folder.join("hashrange-serve.1").is_file());
}

#[test]
fn a_server_ends_with_its_standard_input() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hashrange"));
    command.args(["serve", "--in-memory", "--port", "0", "--until-stdin-closes"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on ") && child.try_wait().unwrap().is_none(), "{line}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
