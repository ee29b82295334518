// SPDX-License-Identifier: Apache-2.0

/// How a batch came.
package enum BatchOrigin: String, Sendable, CaseIterable {
    /// It was submitted, and is asked for later.
    case batch
    /// A request of A1111's API waits for it.
    case sdapi
    /// A request of OpenAI's API waits for it.
    case openai

    /// Whether a request waits for it: nobody wants it any more when none does.
    package var isSync: Bool { self != .batch }
}
