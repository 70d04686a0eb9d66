//! Variables, service files and password files.

use super::{Case, case, compare};

const URL: &str = "postgres://u:p@h:1/d";

/// A variable for every keyword; each value differs from the default.
const VARIABLES: &[(&str, &str, u64)] = &[
    ("PGHOST", "a,b", 0),
    ("PGHOSTADDR", "127.0.0.1", 0),
    ("PGPORT", "6543", 0),
    ("PGDATABASE", "x y", 0),
    ("PGUSER", "x", 0),
    ("PGPASSWORD", " x:\\ ", 0),
    ("PGPASSFILE", "/nonexistent/x", 0),
    ("PGCHANNELBINDING", "disable", 0),
    ("PGOPTIONS", "-c geqo=off", 0),
    ("PGAPPNAME", "x", 0),
    ("PGSSLMODE", "verify-ca", 0),
    ("PGSSLCOMPRESSION", "1", 0),
    ("PGSSLCERT", "/x", 0),
    ("PGSSLKEY", "/x", 0),
    ("PGSSLROOTCERT", "/x", 0),
    ("PGSSLCRL", "/x", 0),
    ("PGSSLCRLDIR", "/x", 0),
    ("PGSSLSNI", "0", 0),
    ("PGREQUIREPEER", "x", 0),
    ("PGSSLMINPROTOCOLVERSION", "TLSv1.3", 0),
    ("PGSSLMAXPROTOCOLVERSION", "TLSv1.3", 0),
    ("PGGSSENCMODE", "disable", 0),
    ("PGKRBSRVNAME", "x", 0),
    ("PGGSSLIB", "gssapi", 0),
    ("PGCONNECT_TIMEOUT", "7", 0),
    ("PGCLIENTENCODING", "LATIN1", 0),
    ("PGREQUIRESSL", "1", 0),
    ("PGREQUIREAUTH", "scram-sha-256,none", 16),
    ("PGSSLCERTMODE", "require", 16),
    ("PGLOADBALANCEHOSTS", "random", 16),
    ("PGMINPROTOCOLVERSION", "3.0", 0),
    ("PGMAXPROTOCOLVERSION", "3.2", 0),
];

#[test]
fn a_variable_fills_what_the_string_leaves_open() {
    let mut cases = Vec::new();
    for (name, value, since) in VARIABLES {
        cases.push(case("user=u dbname=d").with(name, *value).since(*since));
        cases.push(
            case("")
                .with("PGUSER", "u")
                .with(name, *value)
                .since(*since),
        );
    }
    // Asks for TLS, or there is nothing to negotiate.
    cases.push(
        case("sslmode=require")
            .with("PGSSLNEGOTIATION", "direct")
            .since(17),
    );
    compare(&cases);
}

#[test]
fn the_string_beats_the_variables() {
    let url = "host=h hostaddr=127.0.0.1 port=1 user=u password=p dbname=d passfile=/p options=-cx=1 application_name=a \
               connect_timeout=1 sslmode=require sslrootcert=/r sslcert=/c sslkey=/k sslcrl=/l sslcrldir=/m sslsni=1 \
               ssl_min_protocol_version=TLSv1.1 ssl_max_protocol_version=TLSv1.2 channel_binding=require requirepeer=r";
    let cases = VARIABLES.iter().filter(|(_, _, since)| *since == 0);
    let cases = cases.map(|(name, value, _)| case(url).with(name, *value));
    compare(&cases.collect::<Vec<_>>());
}

#[test]
fn values_of_variables_must_make_sense() {
    compare(&[
        case(URL).with("PGSSLMODE", "x"),
        case("postgres://u@h?sslmode=prefer").with("PGSSLMODE", "x"),
        case(URL).with("PGCHANNELBINDING", "x"),
        case(URL).with("PGSSLMINPROTOCOLVERSION", "x"),
        case(URL)
            .with("PGSSLMINPROTOCOLVERSION", "TLSv1.3")
            .with("PGSSLMAXPROTOCOLVERSION", "TLSv1.2"),
        case(URL).with("PGGSSENCMODE", "x"),
        case(URL).with("PGREQUIREAUTH", "x").since(16),
        case(URL).with("PGREQUIREAUTH", "md5,!none").since(16),
        case(URL).with("PGREQUIREAUTH", "md5,md5").since(16),
        case(URL).with("PGREQUIREAUTH", "md5,").since(16),
        case(URL).with("PGREQUIREAUTH", "!md5,!none").since(16),
        case(URL).with("PGSSLCERTMODE", "x").since(16),
        // libpq looks at it after all others, so this goes as far as to a socket that is not there.
        case("user=u host=/nonexistent")
            .with("PGLOADBALANCEHOSTS", "x")
            .with("PGTARGETSESSIONATTRS", "any")
            .since(16),
        case("user=u host=/nonexistent").with("PGTARGETSESSIONATTRS", "read-only"),
        case("user=u host=/nonexistent").with("PGTARGETSESSIONATTRS", "x"),
        case("host=a,b").with("PGPORT", "1,2,3"),
        case("host=a,b").with("PGPORT", "1,2"),
        case("host=a,b").with("PGPORT", "1"),
        case("port=1,2").with("PGHOST", "a"),
        case("port=1,2").with("PGHOST", "a,b"),
        case("host=a,b").with("PGHOSTADDR", "127.0.0.1"),
        case("host=a,b").with("PGHOSTADDR", "127.0.0.1,::1"),
        case(URL).with("PGSSLROOTCERT", "system").since(16),
        case(URL)
            .with("PGSSLROOTCERT", "system")
            .with("PGSSLMODE", "require")
            .since(16),
        case("sslrootcert=system user=u").with("PGSSLMODE", "verify-full"),
        case("sslrootcert=system user=u")
            .with("PGREQUIRESSL", "1")
            .since(16),
    ]);
}

#[test]
fn the_outdated_switch_for_tls() {
    compare(&[
        case(URL).with("PGREQUIRESSL", "1"),
        case(URL).with("PGREQUIRESSL", "10"),
        case(URL).with("PGREQUIRESSL", "0"),
        case(URL).with("PGREQUIRESSL", "yes"),
        case(URL)
            .with("PGREQUIRESSL", "1")
            .with("PGSSLMODE", "disable"),
        case("postgres://u@h?sslmode=allow").with("PGREQUIRESSL", "1"),
    ]);
}

#[test]
fn who_and_where_by_default() {
    compare(&[
        case("postgres://h"),
        case("postgres://u@h"),
        case("postgres:///d"),
        case("").with("PGHOST", "h"),
        case("").with("PGUSER", "u"),
        case("").with("PGDATABASE", "d"),
        case("").with("PGPORT", "1"),
        case("user=''").with("PGHOST", "h"),
        case("dbname=''").with("PGUSER", "u"),
        case("").differs("without a word about a database, none is meant"),
        case("").with("PGAPPNAME", "x").differs("the same"),
        case("").with("PGPASSWORD", "x").differs("the same"),
        case("").with("PGSSLMODE", "require").differs("the same"),
    ]);
}

#[test]
fn an_empty_value_is_none() {
    let reason = "an empty value is no value, wherever it stands";
    compare(&[
        case(URL).with("PGSSLMODE", "").differs(reason),
        case("postgres://h/d").with("PGUSER", ""),
        case("postgres://u@h").with("PGDATABASE", ""),
        case("postgres://u@/d")
            .with("PGHOST", "")
            .with("PGPORT", ""),
        case("postgres://u@h?user=")
            .with("PGUSER", "x")
            .differs(reason),
        case("user='' host=h").with("PGUSER", "x").differs(reason),
        case("user=u host=''").with("PGHOST", "x").differs(reason),
        case("user=u dbname=''")
            .with("PGDATABASE", "x")
            .differs(reason),
        case("user=u password=''")
            .with("PGPASSWORD", "x")
            .differs(reason),
        case("user=u host=h").with("PGSERVICE", "").differs(reason),
        case("postgres://u:@h/d").with("PGPASSWORD", "x"),
    ]);
}

#[test]
fn a_value_that_is_a_url_is_no_name() {
    let reason = "a URL may hold a password, and would be shown as a name";
    compare(&[
        case("host=h").with("PGDATABASE", URL).differs(reason),
        case("host=h dbname=postgres://u:p@h/d").differs(reason),
    ]);
}

#[test]
fn what_is_shadowed_is_checked_all_the_same() {
    compare(&[
        case("host=h gssencmode=disable")
            .with("PGGSSENCMODE", "require")
            .differs("encryption by GSSAPI is not to be had, so nobody should ask for it anywhere"),
        case("host=h")
            .with("PGGSSENCMODE", "require")
            .differs_by_build("encryption by GSSAPI is not to be had"),
    ]);
}

/// With a service file in the home.
fn service(string: &str, text: &'static str) -> Case {
    case(string).file("home/.pg_service.conf", 0o644, text)
}

#[test]
fn a_service_fills_what_the_string_leaves_open() {
    let text = "# all\n[s]\nhost=sh\nport=7\nuser=su\npassword=sp\ndbname=sd\n\n[t]\nhost=th\n";
    compare(&[
        service("service=s", text),
        service("service=t", text),
        service("postgres://?service=s", text),
        service("postgres://u@h/d?service=s", text),
        service("service=s user=u", text),
        service("user=u", text).with("PGSERVICE", "s"),
        service("service=t", text).with("PGSERVICE", "s"),
        service("", text).with("PGSERVICE", "s"),
        // It beats the variables.
        service("service=s", text)
            .with("PGHOST", "eh")
            .with("PGUSER", "eu"),
        service("service=t", text)
            .with("PGHOST", "eh")
            .with("PGUSER", "eu"),
        service("service=x", text),
        service("service=ss", text),
        service("service=''", text).differs("an empty value is no value, wherever it stands"),
        case("service=s"),
        case("host=h").with("PGSERVICE", "s"),
    ]);
}

#[test]
fn how_a_service_file_is_read() {
    let kindly = "stacks write these into connection strings, so they are known everywhere";
    compare(&[
        service("service=s", "[s]\r\nhost=h\r\n"),
        service("service=s", "  [s]  \n  host=h  \n\t# x\n"),
        service("service=s", "[s]\nhost= h"),
        service("service=s", "[s]\nhost =h"),
        service("service=s", "[s]\nhost=h x"),
        service("service=s", "[s]\nhost='h'"),
        service("service=s", "[s]\nhost=h # no comment"),
        service("service=s", "[s]\nhost=h\nhost=i"),
        service("service=s", "[s]\nhost=h\n[s]\nport=1"),
        service("service=s", "[s]more\nhost=h"),
        service("service=s", "[s\nhost=h"),
        service("service=s", "[ s]\nhost=h"),
        service("service='s t'", "[s t]\nhost=h"),
        service("service=s", "[s]\nnonsense"),
        service("service=s", "[s]\nnonsense=x"),
        service("service=s", "[s]\n=x"),
        service("service=s", "[s]\nservice=t"),
        service("service=s", "[s]\nservice=t\n[t]\nhost=h"),
        service("service=s", "[s]\nsslmode=x"),
        service("service=s", "[s]\nsslmode=require\nrequirepeer=x"),
        service("service=s", "[s]\npassword=a=b "),
        service("service=s", "[s]\ndbname=d\n[t]\nnonsense"),
        service("service=s", "nonsense\n[s]\ndbname=d"),
        service("service=s", "[s]\n"),
        service("service=s", "[s]\nsearch_path=x").differs(kindly),
        service("service=s", "[s]\nldap://127.0.0.1:1/x?y?base?z=1").differs_by_build(
            "LDAP is not asked, and to pass over it in silence would lead elsewhere",
        ),
    ]);
}

#[test]
fn which_service_file() {
    let (home, system) = ("[s]\nhost=home\n", "[s]\nhost=system\n[t]\nhost=t\n");
    let both = |string| service(string, home).file("system/pg_service.conf", 0o644, system);
    let named = "[s]\nhost=named\n";
    compare(&[
        both("service=s"),
        both("service=t"),
        both("service=x"),
        both("service=s")
            .file("named", 0o644, named)
            .with("PGSERVICEFILE", "{folder}/named"),
        both("service=t")
            .file("named", 0o644, named)
            .with("PGSERVICEFILE", "{folder}/named"),
        both("service=s").with("PGSERVICEFILE", "{folder}/nowhere"),
        both("service=s servicefile={folder}/named")
            .file("named", 0o644, named)
            .since(19),
        both("servicefile={folder}/named")
            .file("named", 0o644, named)
            .with("PGSERVICE", "s")
            .with("PGSERVICEFILE", "{folder}/nowhere")
            .since(19),
    ]);
}

/// With a password file in the home.
fn password(string: &str, text: &'static str) -> Case {
    case(string).file("home/.pgpass", 0o600, text)
}

#[test]
fn a_password_file_is_the_last_to_be_asked() {
    let text = "*:*:*:*:fp\n";
    let named = "*:*:*:*:np\n";
    compare(&[
        password("postgres://u@h/d", text),
        password("postgres://u:p@h/d", text),
        password("postgres://u@h/d", text).with("PGPASSWORD", "ep"),
        password("postgres://u@h/d", text)
            .file("named", 0o600, named)
            .with("PGPASSFILE", "{folder}/named"),
        password("postgres://u@h/d?passfile={folder}/named", text).file("named", 0o600, named),
        password("postgres://u@h/d?passfile={folder}/named", text)
            .file("named", 0o600, named)
            .with("PGPASSFILE", "{folder}/nowhere"),
        password("postgres://u@h/d", text).with("PGPASSFILE", "{folder}/nowhere"),
        password("postgres://u@h/d", text).with("PGPASSFILE", "{folder}"),
        password("service=s user=u", text).file(
            "home/.pg_service.conf",
            0o600,
            "[s]\npassword=sp\n",
        ),
        password("service=s user=u", text).file(
            "home/.pg_service.conf",
            0o600,
            "[s]\npassfile=/nowhere\n",
        ),
        case("postgres://u@h/d"),
    ]);
}

#[test]
fn a_password_file_must_be_its_owners_alone() {
    let cases = [
        0o600, 0o400, 0o700, 0o640, 0o604, 0o620, 0o601, 0o666, 0o660,
    ]
    .map(|mode| case("postgres://u@h/d").file("home/.pgpass", mode, "*:*:*:*:fp\n"));
    compare(&cases);
}

#[test]
fn how_a_password_file_is_read() {
    let mut cases = Vec::new();
    for text in [
        "h:5432:d:u:fp",
        "h:5432:d:u:fp\r\n",
        "h:5432:d:u:fp\n\n",
        "h:5433:d:u:fp",
        "H:5432:d:u:fp",
        "h:5432:d:u",
        "h:5432:d:u:",
        "h:5432:d:u:\n*:*:*:*:fp",
        "x:*:*:*:a\n*:*:d:*:b\n*:*:*:*:c",
        "*:5432:*:u:fp",
        "**:5432:*:u:fp",
        "h*:5432:*:u:fp",
        "*h:5432:*:u:fp",
        "# h:5432:d:u:a\nh:5432:d:u:b",
        " h:5432:d:u:fp",
        "h:5432:d:u: fp ",
        "h:5432:d:u:a\\:b\\\\c",
        "h:5432:d:u:a:b",
        "h:5432:d:u:a\\",
        "\\h:5432:\\d:u:fp",
        "h:5432:d:u:é€",
        "h:5432:d:u:'fp'",
        "#h:5432:d:u:fp",
        "*:*:*:*:*",
        "h:05432:d:u:fp",
        "h:5432:d:u:a\rb\r\r\n",
        "",
        "\n",
        ":::",
    ] {
        cases.push(password("postgres://u@h/d", text));
    }
    cases.extend([
        password("user='u:v' host=h dbname='d\\\\e'", "h:*:d\\\\e:u\\:v:fp"),
        password("user='u:v' host=h dbname='d\\\\e'", "h:*:d\\e:u:v:fp"),
        password("user='*' host=h", "h:*:*:x:a\nh:*:*:\\*:b"),
    ]);
    compare(&cases);
}

#[test]
fn which_host_a_password_is_for() {
    let text = "localhost:*:*:*:lp\n/nonexistent:*:*:*:np\nh:1:*:*:h1\nh:2:*:*:h2\n127.0.0.1:*:*:*:ap\n\
                \\:\\:1:*:*:*:6p\n@a:*:*:*:@p\n";
    compare(&[
        password("user=u", text),
        password("user=u host=localhost", text),
        password("user=u host=/nonexistent", text),
        password("user=u host=@a", text),
        password("user=u host=h port=1", text),
        password("user=u host=h port=2", text),
        password("user=u host=h", text),
        password("user=u hostaddr=127.0.0.1", text),
        password("user=u hostaddr=::1", text),
        password("user=u host=h hostaddr=127.0.0.1 port=1", text),
        password("user=u host=h,localhost port=1", text),
        password("user=u host=localhost,h port=1", text),
        password("user=u host=,h port=1", text),
        password("user=u host=h,h port=2,1", text),
        password("user=u host=h", text).with("PGPORT", "2"),
        password("user=u", text)
            .with("PGHOST", "h")
            .with("PGPORT", "1"),
        password("", text).with("PGHOST", "h").with("PGPORT", "1"),
        password("postgres://u@h:1", text),
    ]);
}
