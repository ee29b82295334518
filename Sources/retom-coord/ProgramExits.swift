// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import Coordinator

extension CoordinatorError: ProgramExitChoosing {
    var programExit: ProgramExit { .noUsableWorker }
}

extension LocalWorkersError: ProgramExitChoosing {
    /// A worker that finds the model unusable says so by the same exit code as we do.
    var programExit: ProgramExit {
        guard case .exitedEarly(let exit, _) = self,
            exit.hasSuffix(" \(ProgramExit.unusableInput.rawValue)")
        else { return .noUsableWorker }
        return .unusableInput
    }
}
