//! Whether a plan is carried out.

use tiny_engine::{DataLoss, Plan};

use super::{Context, DeployArgs};
use crate::exit::Failure;

impl DeployArgs {
    /// Yes, or the failure that ends the deploy. A build server is never asked; there, only what
    /// destroys no data goes ahead.
    pub(super) async fn agree(&self, context: &Context<'_>, plan: &Plan) -> Result<(), Failure> {
        if plan.is_empty() {
            return Ok(());
        }
        let asks = context.can_ask() && !context.globals.yes;
        match plan.check_data_loss(self.allow_data_loss) {
            Ok(()) if asks => context.confirm("Do this?").await,
            Ok(()) => Ok(()),
            Err(_) if asks => {
                let question = "Destroys data, for good. Type the name of the stage";
                context.confirm_by_word(question, &plan.stage).await
            }
            Err(loss) => Err(refused(&loss)),
        }
    }
}

fn refused(loss: &DataLoss) -> Failure {
    Failure::from_diagnostic(loss).with_code(crate::exit::Code::Refused)
}
