//! Remotes that are folders: nothing of theirs runs.

use super::*;

/// Everything that a repository can name and git would run when it is served from a folder.
fn plant_programs(world: &World, marks: &std::path::Path) {
    let folder = world.folder();
    let hook = format!("#!/bin/sh\ntouch '{}/hook'\n", marks.display());
    let silent = ["post-receive", "post-update", "reference-transaction", "proc-receive"];
    silent.iter().for_each(|name| write_program(&folder.join("hooks").join(name), &hook));
    let home = &world.env.home;
    git(home, home, &["init", "--bare", "--quiet", "alternate.git"]).unwrap();
    let alternate = home.join("alternate.git/objects");
    fs_err::write(folder.join("objects/info/alternates"), format!("{}\n", alternate.display()))
        .unwrap();
    for key in [
        "core.alternateRefsCommand",
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "gc.recentObjectsHook",
        "uploadpack.packObjectsHook",
        "filter.x.smudge",
        "receive.x.command",
    ] {
        world.at_remote(&["config", key, &format!("touch {}/{key};", marks.display())]);
    }
    for (key, value) in [("receive.autogc", "true"), ("gc.auto", "1"), ("core.pager", "false")] {
        world.at_remote(&["config", key, value]);
    }
}

#[test]
fn no_program_of_a_folder_remote_is_run() {
    for choice in CHOICES {
        let world = World::new();
        let marks = world.env.home.join("marks");
        fs_err::create_dir_all(&marks).unwrap();
        plant_programs(&world, &marks);
        let commit = world.commit("one\n", "2026-11-20T10:00:00Z");
        for text in ["../remote.git", "file://<home>/remote.git"] {
            let text = text.replace("<home>", world.env.home.to_str().unwrap());
            let remote = Address::new(&text).unwrap();
            let transport = world.transport(choice);
            transport.references(&remote).unwrap();
            transport.push(&remote, Some(commit), MAIN, &Silent).unwrap();
            let other = Sandbox::new();
            let other_transport = other.vault.transport(choice, &world.env).unwrap();
            let there = Address::new(world.folder().to_str().unwrap()).unwrap();
            other_transport.fetch(&there, MAIN, "refs/x/y", &Silent).unwrap();
            transport.push(&remote, None, MAIN, &Silent).unwrap();
        }
        let ran: Vec<_> =
            fs_err::read_dir(&marks).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(ran, Vec::<std::ffi::OsString>::new(), "{choice:?}");
    }
}

#[test]
fn a_hook_of_a_folder_that_decides_is_neither_run_nor_passed_over() {
    for choice in CHOICES {
        let world = World::new();
        let ran = world.env.home.join("ran");
        let hook = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
        let commit = world.commit("one\n", "2026-11-20T10:00:00Z");
        let refused = |place: &std::path::Path| {
            write_program(place, &hook);
            let pushed = world.transport(choice).push(&world.remote(), Some(commit), MAIN, &Silent);
            let error = pushed.unwrap_err();
            let failure = crate::error::failure(&error).unwrap();
            assert_eq!(failure.kind, ErrorKind::Refused, "{choice:?}");
            assert!(failure.message.contains(place.file_name().unwrap().to_str().unwrap()));
            assert!(failure.hint.as_ref().unwrap().contains("claude-backup.runRemoteHooks true"));
            assert!(!ran.exists() && world.at_remote(&["for-each-ref"]).is_empty());
            fs_err::remove_file(place).unwrap();
        };
        refused(&world.folder().join("hooks/pre-receive"));
        refused(&world.folder().join("hooks/update"));
        world.at_remote(&["config", "core.hooksPath", "own-hooks"]);
        refused(&world.folder().join("own-hooks/update"));
        write_program(&world.folder().join("own-hooks/update"), &hook);
        world.run_remote_hooks();
        let pushed = world.transport(choice).push(&world.remote(), Some(commit), MAIN, &Silent);
        match choice {
            Choice::Libgit2 => assert_eq!(kind(&pushed.unwrap_err()), ErrorKind::Refused),
            _ => assert_eq!(pushed.unwrap(), Sent::Done),
        }
        assert_eq!(ran.exists(), choice == Choice::Git, "{choice:?}");
    }
}
