//! Arguments to one door to an exit code.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use forthcoin::console::eval::{EXIT_FINE, EXIT_USAGE, Next, Session};
use forthcoin::console::repl;
use forthcoin::daemon::client;
use forthcoin::daemon::damage;
use forthcoin::daemon::supervisor::Daemon;
use forthcoin::options::arguments::{Arguments, Refusal};
use forthcoin::options::reader;

fn main() -> ExitCode {
    let arguments = match reader::read(std::env::args_os(), std::env::vars_os()) {
        Ok(arguments) => arguments,
        Err(Refusal::Show(text)) => {
            // Whoever closed our output wants no more of it.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::from(EXIT_FINE);
        }
        Err(Refusal::Usage(text)) => {
            eprint!("{text}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    colored::control::set_override(
        std::io::stderr().is_terminal()
            && std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none(),
    );
    ExitCode::from(run(arguments))
}

fn run(arguments: Arguments) -> u8 {
    damage::watch(&arguments.config);
    // A limit on the size of files is then an error of a write, with a message, and no death.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let only_console = !arguments.sources.is_empty();
    let headless = arguments.network_named
        && !only_console
        && !terminal
        && !arguments.offline()
        && arguments.config.service.attach.is_none();
    let daemon = match headless.then(|| Daemon::start(&arguments.config)).transpose() {
        Ok(daemon) => daemon,
        Err(e) => {
            eprintln!("forthcoin: {e}");
            return rpc::error::exit_code_of_throw(e.kind.throw_code());
        }
    };
    let config = arguments.config.clone();
    let opener = Box::new(move || client::open(&config, terminal));
    let session = Session::new(arguments, opener);
    if daemon.is_none() {
        // Ctrl-C stops the running word; a console without it still works.
        let _ = signal_hook::flag::register(
            signal_hook::consts::SIGINT,
            Arc::clone(&session.interrupt),
        );
    }
    let mut next = session.run_sources();
    if let Next::GoOn = next {
        next = match terminal {
            true => Next::Exit(repl::run(&session)),
            false if only_console => Next::GoOn,
            false => session.run_stdin(),
        };
    }
    if let (Next::GoOn, Some(daemon)) = (&next, &daemon) {
        next = session.watch(&mut daemon.events());
    }
    let code = match next {
        Next::GoOn => EXIT_FINE,
        Next::Exit(code) => code,
    };
    let closed = session.close();
    match closed.and(daemon.map_or(Ok(()), |daemon| daemon.stop())) {
        Ok(()) => code,
        Err(e) => {
            eprintln!("forthcoin: {e}");
            code.max(1)
        }
    }
}
