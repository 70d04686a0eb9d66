//! The help texts, word by word.

use crate::support::Project;

/// A text on stdout, with nothing to connect to.
#[track_caller]
fn check(arguments: &str, expected: &str) {
    Project::empty().run_alone(arguments).gives(0, expected, "");
}

#[test]
fn each_command_has_its_help() {
    let general = include_str!("golden/help.txt");
    check("--help", general);
    check("-h", general);
    check("help", general);
    check("--help nonsense --more", general);
    for (command, text) in [
        ("up", include_str!("golden/help-up.txt")),
        ("status", include_str!("golden/help-status.txt")),
        ("validate", include_str!("golden/help-validate.txt")),
        ("rollback", include_str!("golden/help-rollback.txt")),
        ("new", include_str!("golden/help-new.txt")),
        ("baseline", include_str!("golden/help-baseline.txt")),
        ("repair", include_str!("golden/help-repair.txt")),
        ("reset", include_str!("golden/help-reset.txt")),
        ("adopt", include_str!("golden/help-adopt.txt")),
        ("wait", include_str!("golden/help-wait.txt")),
    ] {
        check(&format!("{command} --help"), text);
        check(&format!("{command} -h"), text);
        check(&format!("help {command}"), text);
        check(&format!("{command} --dir elsewhere --help"), text);
    }
    check("--list --help", include_str!("golden/help-status.txt"));
}

#[test]
fn help_fits_a_terminal() {
    for arguments in [
        "--help",
        "up --help",
        "status --help",
        "validate --help",
        "rollback --help",
        "new --help",
        "baseline --help",
        "repair --help",
        "reset --help",
        "adopt --help",
        "wait --help",
    ] {
        let outcome = Project::empty().run_alone(arguments).outcome();
        let widest = outcome
            .stdout
            .lines()
            .map(|line| line.chars().count())
            .max();
        assert!(
            widest.is_some_and(|widest| widest <= 85),
            "{widest:?} {outcome}"
        );
    }
}

#[test]
fn the_version_is_that_of_the_crate() {
    let version = concat!("onward ", env!("CARGO_PKG_VERSION"), "\n");
    check("--version", version);
    check("-V", version);
    check("up --version", version);
}
