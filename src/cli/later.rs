//! Puts off the options of a command until it is the one that was asked for: making all of them for every run
//! costs more than all else that a small command does. Changes neither what is understood nor the help.

use clap::error::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};

/// A command's arguments, whose options are made only when clap needs them.
#[derive(Debug)]
pub struct Later<T>(
    /// The arguments themselves.
    pub T,
);

impl<T: Args> Args for Later<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(|command| under_its_words(command, T::augment_args))
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(|command| under_its_words(command, T::augment_args_for_update))
    }
}

/// Options bring what is said of their struct; what is said of the command has to outlast that.
fn under_its_words(command: Command, augment: impl FnOnce(Command) -> Command) -> Command {
    let (about, long) = (command.get_about().cloned(), command.get_long_about().cloned());
    let mut command = augment(command);
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(long) = long {
        command = command.long_about(long);
    }
    command
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<()> {
        self.0.update_from_arg_matches(matches)
    }
}
