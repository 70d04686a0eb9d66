//! The app in the container: prints all that a program finds when it begins, and ends with 7.

use std::{env, fs, process};

fn main() {
    println!("process {}", process::id());
    println!("folder {:?}", env::current_dir());
    for argument in env::args_os() {
        println!("argument {argument:?}");
    }
    let mut lines: Vec<String> = env::vars_os()
        .map(|(name, value)| format!("variable {name:?} {value:?}"))
        .collect();
    lines.sort();
    let mut descriptors: Vec<String> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .map(|entry| format!("descriptor {:?}", entry.unwrap().file_name()))
        .collect();
    descriptors.sort();
    lines.extend(descriptors);
    println!("{}", lines.join("\n"));
    let kept = [
        "Uid", "Gid", "Threads", "SigPnd", "SigBlk", "SigIgn", "SigCgt", "CapEff",
    ];
    for line in fs::read_to_string("/proc/self/status").unwrap().lines() {
        if kept.iter().any(|name| line.starts_with(name)) {
            println!("{line}");
        }
    }
    process::exit(7);
}
