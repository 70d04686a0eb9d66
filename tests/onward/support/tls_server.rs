//! A server with TLS, on a port of 127.0.0.1, and every kind of certificate. One for all tests, which use it in turn.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, mpsc};

use postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::run::Outcome;
use super::{Project, wait_until};

/// How a program got in, if it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Tls,
    Plain,
    Refused,
}

/// A running server; its files are in `folder`, which belongs to the user that it runs as.
pub(crate) struct TlsServer {
    folder: PathBuf,
    bin: PathBuf,
    port: u16,
    now: Mutex<String>,
}

static COUNTER: AtomicUsize = AtomicUsize::new(0);

/// The server of `tests/with-postgres`' programs.
static COMMON: LazyLock<TlsServer> =
    LazyLock::new(|| TlsServer::start("tls", &variable("ONWARD_TEST_BIN")));

/// One of version 17 or newer.
static MODERN: LazyLock<TlsServer> = LazyLock::new(|| {
    let bin = std::env::var("ONWARD_TEST_MODERN_BIN")
        .expect("ONWARD_TEST_MODERN_BIN names no server of version 17 or newer: run make test");
    TlsServer::start("modern", &bin)
});

fn variable(name: &str) -> String {
    std::env::var(name).expect("no server: run make test")
}

/// The server with a certificate of this name, and nobody else uses it meanwhile; `off` is a server without TLS.
pub(crate) struct Turn {
    server: &'static TlsServer,
    _now: MutexGuard<'static, String>,
}

impl Turn {
    pub(crate) fn with(certificate: &str) -> Turn {
        Turn::on(&COMMON, certificate)
    }

    pub(crate) fn modern(certificate: &str) -> Turn {
        Turn::on(&MODERN, certificate)
    }

    fn on(server: &'static TlsServer, certificate: &str) -> Turn {
        // A test that failed leaves a server that is as good as before.
        let mut now = server.now.lock().unwrap_or_else(PoisonError::into_inner);
        if *now != certificate {
            server.present(certificate);
            certificate.clone_into(&mut now);
        }
        Turn { server, _now: now }
    }

    /// A file of the certificates' folder.
    pub(crate) fn file(&self, name: &str) -> String {
        self.server.file(name).display().to_string()
    }

    /// A connection string that leads there; `{}` in the settings is the folder of the certificates.
    fn target(&self, settings: &str) -> (String, String) {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("case_{number}");
        let port = self.server.port;
        let settings = settings
            .replace("{}", &self.file(""))
            .replace("{socket}", &self.server.folder.display().to_string());
        let target = format!(
            "host=localhost hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres \
             application_name={name} {settings}"
        );
        (name, target)
    }

    /// What a run of the program says of this connection string; paths and the port are redacted.
    pub(crate) fn onward(&self, settings: &str) -> Outcome {
        self.onward_in(
            &Project::new().migration("1_a.sql", "SELECT 1;"),
            "status",
            settings,
        )
    }

    /// A run of the program in this folder.
    pub(crate) fn onward_in(&self, project: &Project, arguments: &str, settings: &str) -> Outcome {
        let (_, target) = self.target(settings);
        self.run(project, arguments, &target)
    }

    fn run(&self, project: &Project, arguments: &str, target: &str) -> Outcome {
        let folder = self.server.folder.display().to_string();
        project
            .run_alone(arguments)
            .naming(&self.file(""), "<certificates>/")
            .naming(&folder, "<server>")
            .naming(&format!(":{}", self.server.port), ":<port>")
            .env("DATABASE_URL", target)
            .outcome()
    }

    /// How the program gets in by this connection string.
    pub(crate) fn way_of_onward(&self, settings: &str) -> (Way, Outcome) {
        let (name, target) = self.target(settings);
        let project = Project::new().migration("1_a.sql", "SELECT 1;");
        let outcome = self.run(&project, "status", &target);
        (self.way(&name, outcome.code() == Some(0)), outcome)
    }

    /// How psql gets in by this connection string.
    pub(crate) fn way_of_psql(&self, settings: &str) -> (Way, String) {
        let (name, target) = self.target(settings);
        let output = Command::new(Path::new(&variable("ONWARD_TEST_BIN")).join("psql"))
            .args(["-X", "-c", "SELECT 1", &target])
            .current_dir("/")
            .env_clear()
            .env("HOME", "/nonexistent")
            .output()
            .expect("psql starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (self.way(&name, output.status.success()), said)
    }

    /// What the server's log tells of the connections of one program: it is written before the program hears anything.
    fn way(&self, name: &str, got_in: bool) -> Way {
        let log = fs::read_to_string(self.server.folder.join("log")).expect("a log");
        let mark = format!(" application_name={name}");
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("connection authorized"))
            .filter_map(|line| line.split_once(&mark))
            .map(|(_, rest)| rest)
            .filter(|rest| rest.is_empty() || rest.starts_with(' '))
            .collect();
        match &lines[..] {
            _ if !got_in => Way::Refused,
            [] => panic!("{name} got in, and the server's log does not have it"),
            lines if lines.iter().all(|line| line.contains("SSL enabled")) => Way::Tls,
            lines if lines.iter().any(|line| line.contains("SSL enabled")) => {
                panic!("{name} got in by both ways: {lines:?}")
            }
            _ => Way::Plain,
        }
    }

    /// The name of the user that the server runs as.
    pub(crate) fn owner(&self) -> String {
        let about = fs::metadata(&self.server.folder).expect("a folder");
        let output = Command::new("/usr/bin/id")
            .args(["-nu", &about.uid().to_string()])
            .output()
            .expect("id of coreutils");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs statements as superuser, over the Unix socket; the rows, their columns joined by `|`.
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        self.server.query(sql)
    }
}

impl TlsServer {
    fn start(kind: &str, bin: &str) -> TlsServer {
        let root = PathBuf::from(variable("ONWARD_TEST_SOCKET"));
        let about = fs::metadata(&root).expect("the server's folder");
        let folder = root.join(kind);
        fs::create_dir(&folder).expect("a folder");
        // Tests without privileges pass through, the server's user too.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("a folder");
        let server = TlsServer {
            bin: bin.into(),
            port: free_port(),
            now: Mutex::new("good".to_owned()),
            folder,
        };
        server.own(&server.folder, &about);
        fs::create_dir(server.file("")).expect("a folder");
        certificates(&server.file(""));
        for entry in fs::read_dir(server.file("")).expect("a folder") {
            let path = entry.expect("a file").path();
            let name = path.file_name().expect("a name").to_owned();
            let to = server.folder.join(name);
            if path.is_file() {
                fs::copy(&path, &to).expect("a copy");
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("a file");
                server.own(&to, &about);
            }
        }
        server.create();
        server.run();
        wait_until("the server answers", || server.connect().is_some());
        server.query(ROLES);
        server
    }

    fn own(&self, path: &Path, about: &fs::Metadata) {
        if is_root() {
            let outcome = std::os::unix::fs::chown(path, Some(about.uid()), Some(about.gid()));
            outcome.unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()));
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join("certificates").join(name)
    }

    /// A program of the server, as the owner of its folder, which ends with the thread that starts it.
    fn program(&self, name: &str) -> Command {
        let owner = fs::metadata(&self.folder).expect("a folder");
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if is_root() {
            command
                .args(["--reuid", &owner.uid().to_string()])
                .args(["--regid", &owner.gid().to_string()])
                .arg("--clear-groups");
        }
        command
            .arg("--")
            .arg(self.bin.join(name))
            .current_dir(&self.folder)
            .env_clear()
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    fn create(&self) {
        let output = self
            .program("initdb")
            .args("-D data -U postgres -A trust -E UTF8 --locale=C --no-sync".split_whitespace())
            .output()
            .expect("setpriv of util-linux");
        assert!(output.status.success(), "{output:?}");
        let folder = self.folder.display();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{folder}'\nmax_connections = 30\n\
             fsync = off\nshared_buffers = 16MB\nlog_connections = on\nlog_line_prefix = ''\n\
             ssl_ca_file = '{folder}/ca.crt'\ninclude = 'certificate.conf'\n",
            self.port
        );
        let data = self.folder.join("data");
        let path = data.join("postgresql.conf");
        let conf = fs::read_to_string(&path).expect("a file");
        fs::write(path, conf + &settings).expect("a file");
        fs::write(data.join("pg_hba.conf"), RULES).expect("a file");
        let about = fs::metadata(&data).expect("a folder");
        self.choose("good");
        self.own(&data.join("certificate.conf"), &about);
    }

    /// Starts the server on a thread that ends with the tests: the server ends with that thread.
    fn run(&self) {
        let log = File::create(self.folder.join("log")).expect("a log");
        let mut command = self.program("postgres");
        command
            .args(["-D", "data"])
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        let (started, is_started) = mpsc::channel();
        std::thread::spawn(move || {
            let mut postmaster = command.spawn().expect("setpriv of util-linux");
            started.send(()).expect("a receiver");
            let _ = postmaster.wait();
        });
        is_started.recv().expect("it started");
    }

    fn choose(&self, certificate: &str) {
        let folder = self.folder.display();
        let text = match certificate {
            "off" => "ssl = off\n".to_owned(),
            "old" => format!(
                "ssl = on\nssl_cert_file = '{folder}/good.crt'\nssl_key_file = '{folder}/good.key'\n\
                 ssl_max_protocol_version = 'TLSv1.2'\n"
            ),
            name => format!(
                "ssl = on\nssl_cert_file = '{folder}/{name}.crt'\nssl_key_file = '{folder}/{name}.key'\n"
            ),
        };
        let path = self.folder.join("data/certificate.conf");
        fs::write(path, text + &format!("cluster_name = '{certificate}'\n")).expect("a file");
    }

    /// Has the server present another certificate from now on.
    fn present(&self, certificate: &str) {
        self.choose(certificate);
        self.query("SELECT pg_reload_conf()");
        // The settings of a new session are those of the server's first process, which has read the certificate, too.
        let file = match certificate {
            "old" => "good",
            name => name,
        };
        let wanted = match certificate {
            "off" => "off|".to_owned(),
            "old" => format!("on|{}/{file}.crt|TLSv1.2", self.folder.display()),
            _ => format!("on|{}/{file}.crt|", self.folder.display()),
        };
        wait_until("the server presents another certificate", || {
            let rows = self.query(
                "SELECT current_setting('ssl'), current_setting('ssl_cert_file'), \
                 current_setting('ssl_max_protocol_version')",
            );
            rows[0] == wanted || (certificate == "off" && rows[0].starts_with(&wanted))
        });
    }

    fn connect(&self) -> Option<Client> {
        Config::new()
            .host_path(&self.folder)
            .port(self.port)
            .user("postgres")
            .dbname("postgres")
            .connect(NoTls)
            .ok()
    }

    fn query(&self, sql: &str) -> Vec<String> {
        let mut client = self.connect().expect("the server answers");
        let answer = client.simple_query(sql);
        let messages = answer.unwrap_or_else(|error| panic!("{sql}\n{:?}", error.as_db_error()));
        let text = |message| match message {
            SimpleQueryMessage::Row(row) => {
                let cells = (0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_owned());
                Some(cells.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        };
        messages.into_iter().filter_map(text).collect()
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("/proc").uid() == 0
}

/// Below the ports that the system gives to clients.
fn free_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).expect("a port");
    (first..32_768)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// Who may come in how; the first line that fits counts.
const RULES: &str = "\
local   all all                    trust
hostssl all tls_only  127.0.0.1/32 trust
hostnossl all plain_only 127.0.0.1/32 trust
hostssl all certified 127.0.0.1/32 cert
hostssl all vouched   127.0.0.1/32 trust clientcert=verify-ca
host    all tls_only,plain_only,certified,vouched 127.0.0.1/32 reject
host    all scram     127.0.0.1/32 scram-sha-256
host    all hashed    127.0.0.1/32 md5
host    all clear     127.0.0.1/32 password
host    all all       127.0.0.1/32 trust
";

const ROLES: &str = "\
CREATE ROLE tls_only LOGIN SUPERUSER; CREATE ROLE plain_only LOGIN SUPERUSER; CREATE ROLE certified LOGIN SUPERUSER;
CREATE ROLE vouched LOGIN SUPERUSER;
SET password_encryption = 'scram-sha-256';
CREATE ROLE scram LOGIN SUPERUSER PASSWORD 'secret'; CREATE ROLE clear LOGIN SUPERUSER PASSWORD 'secret';
SET password_encryption = 'md5';
CREATE ROLE hashed LOGIN SUPERUSER PASSWORD 'secret';";

/// Makes two authorities and what they issue, all with keys of P-256.
fn certificates(folder: &Path) {
    let script = folder.join("make");
    fs::write(&script, CERTIFICATES).expect("a file");
    let output = Command::new("/bin/sh")
        .arg("-eu")
        .arg(&script)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("a shell");
    assert!(
        output.status.success(),
        "openssl is needed (make test installs it)\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

const CERTIFICATES: &str = r#"
umask 022
cat >ca.cnf <<'END'
[req]
distinguished_name = name
[name]
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
policy = any
copy_extensions = copy
crl_extensions = list
unique_subject = no
[any]
commonName = supplied
[list]
authorityKeyIdentifier = keyid
END
: >index.txt
echo 01 >serial
echo 01 >crlnumber
new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; chmod 600 "$1.key"; }

# authority NAME
authority() {
    new_key "$1"
    openssl req -config ca.cnf -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.crt" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -addext subjectKeyIdentifier=hash
}

# request NAME COMMON_NAME [EXTENSION…]
request() {
    name=$1 cn=$2
    shift 2
    for extension do
        set -- "$@" -addext "$extension"
        shift
    done
    new_key "$name"
    openssl req -config ca.cnf -new -key "$name.key" -subj "/CN=$cn" -out "$name.csr" "$@"
}

# issue AUTHORITY NAME FROM TO
issue() {
    openssl ca -config ca.cnf -batch -notext -cert "$1.crt" -keyfile "$1.key" -in "$2.csr" -out "$2.crt" \
        -startdate "$3" -enddate "$4"
}
from=$(date -u +%Y0101000000Z)
to=$(($(date -u +%Y) + 2))0101000000Z

authority ca
authority other
request good localhost subjectAltName=DNS:localhost,DNS:db.test
issue ca good "$from" "$to"
request elsewhere db.elsewhere subjectAltName=DNS:db.elsewhere,DNS:db2.elsewhere
issue ca elsewhere "$from" "$to"
request expired localhost subjectAltName=DNS:localhost
issue ca expired 20200101000000Z 20200201000000Z
request stranger localhost subjectAltName=DNS:localhost
issue other stranger "$from" "$to"
request numbered numbered subjectAltName=IP:127.0.0.1
issue ca numbered "$from" "$to"
request nameless localhost basicConstraints=CA:FALSE
issue ca nameless "$from" "$to"
request revoked localhost subjectAltName=DNS:localhost
issue ca revoked "$from" "$to"
request user certified extendedKeyUsage=clientAuth
issue ca user "$from" "$to"
request early_user certified
issue ca early_user "$from" "$to"
request stranger_user certified
issue other stranger_user "$from" "$to"

# Version 1: what openssl makes of a request by default, or by a switch since 3.2.
request first localhost
openssl x509 -req -in first.csr -CA ca.crt -CAkey ca.key -set_serial 99 -days 30 -out first.crt
openssl x509 -in first.crt -noout -text | grep -q 'Version: 1 ' ||
    openssl req -config ca.cnf -x509 -x509v1 -new -key first.key -subj /CN=localhost -CA ca.crt -CAkey ca.key \
        -days 30 -out first.crt

# The manual's recipe: its own authority.
new_key lonely
openssl req -config ca.cnf -x509 -new -key lonely.key -subj /CN=localhost -days 30 -out lonely.crt \
    -addext basicConstraints=critical,CA:TRUE -addext subjectAltName=DNS:localhost

new_key edwards
openssl genpkey -algorithm ed25519 -out edwards.key
openssl req -config ca.cnf -x509 -new -key edwards.key -subj /CN=localhost -days 30 -out edwards.crt \
    -addext subjectAltName=DNS:localhost
openssl req -config ca.cnf -x509 -new -newkey rsa:2048 -nodes -sha384 -keyout rsa.key -subj /CN=localhost -days 30 \
    -out rsa.crt -addext subjectAltName=DNS:localhost

openssl ca -config ca.cnf -cert ca.crt -keyfile ca.key -revoke revoked.crt
openssl ca -config ca.cnf -cert ca.crt -keyfile ca.key -gencrl -out ca.crl
mkdir lists
cp ca.crl lists/1.r0
openssl ca -config ca.cnf -cert other.crt -keyfile other.key -gencrl -out other.crl

cp user.key open.key
chmod 644 open.key
openssl pkey -in user.key -aes256 -passout pass:secret -out locked.key
chmod 600 locked.key
openssl pkey -in user.key -outform DER -out user.der
chmod 600 user.der
echo nothing >empty.pem
"#;
