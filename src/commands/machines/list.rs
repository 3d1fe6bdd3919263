//! `machines list`: every machine of the backup, its key, and who vouches for its folder.

use std::io;

use anyhow::Result;
use serde::Serialize;

use crate::commands::Context;
use crate::env::Env;
use crate::repository::Repository;
use crate::repository::manifest::parse_stamp;
use crate::repository::trust::MachineStatus;
use crate::ui::words::when;
use crate::ui::{Column, Mark, Page, Report, Span, Table};

pub(super) fn run(context: &mut Context<'_>) -> Result<u8> {
    let repository = Repository::open(&context.backup_dir, context.env)?;
    let machines = repository.machine_statuses()?;
    context.warn_of(&repository);
    context.ui.emit(&MachinesReport { machines, env: context.env.clone() })
}

#[derive(Debug, Serialize)]
struct MachinesReport {
    machines: Vec<MachineStatus>,
    #[serde(skip)]
    env: Env,
}

impl Report for MachinesReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let mut table = Table::new(&[
            Column::whole("machine"),
            Column::text("state"),
            Column::number("sessions"),
            Column::whole("last backup"),
            Column::text("key"),
        ]);
        for machine in &self.machines {
            let last = parse_stamp(&machine.last_sync);
            let last = last.map(|time| when(time, self.env.now(), &self.env));
            table.row([
                Span::plain(machine.slug.clone()),
                Span::plain(state(machine)),
                Span::plain(machine.session_count.to_string()),
                Span::plain(last.unwrap_or_else(|| "unknown".into())),
                Span::plain(machine.fingerprint.clone().unwrap_or_else(|| "none".into())),
            ]);
        }
        page.table(&table)?;
        for machine in &self.machines {
            if let Some(new) = &machine.new_fingerprint {
                let slug = &machine.slug;
                page.mark(
                    Mark::Warn,
                    format!(
                        "{slug} signs with a key that is not trusted, {new}; if it was reinstalled: \
                         claude-backup machines trust {slug}"
                    ),
                )?;
            }
        }
        Ok(())
    }
}

fn state(machine: &MachineStatus) -> String {
    match machine.current {
        true => "this machine".into(),
        false => machine.signature.as_str().into(),
    }
}
