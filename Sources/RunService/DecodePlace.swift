// SPDX-License-Identifier: Apache-2.0

/// Who decodes latents to pictures.
package enum DecodePlace: String, Sendable {
    /// The coordinator.
    case coordinator
    /// The worker that sampled them; the coordinator where it can't.
    case workers
    /// Nobody in this session.
    case none
}
