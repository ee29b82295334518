// SPDX-License-Identifier: Apache-2.0

package import ServiceLedger

/// Who asks, as the service knows it.
package struct ServedCaller: Sendable, Equatable {
    /// Whose batches are visible.
    package var visitor: Visitor
    /// The share of the cluster, relative to others.
    package var weight: Double

    /// Describes a caller.
    package init(visitor: Visitor, weight: Double = 1) {
        self.visitor = visitor
        self.weight = weight
    }
}

/// What a client wants, as it wrote it.
package struct Wish: Sendable {
    /// How a body is written.
    package enum Format: Sendable {
        /// One object.
        case json
        /// A prompt file.
        case lines
        /// A body of A1111's `txt2img`; the request waits.
        case sdapi
        /// A body of OpenAI's `images/generations`; the request waits.
        case openai

        /// How its batch comes.
        package var origin: BatchOrigin {
            switch self {
            case .json, .lines: .batch
            case .sdapi: .sdapi
            case .openai: .openai
            }
        }
    }

    /// The body.
    package var body: [UInt8]
    /// How it is written.
    package var format: Format
    /// The client's name for this wish.
    package var key: String?
    /// Of a prompt file, which has no room for it.
    package var priority: BatchPriority?
    /// Whether the client says that it asks again.
    package var isRepeat: Bool

    /// Describes a wish.
    package init(
        body: [UInt8], format: Format, key: String? = nil, priority: BatchPriority? = nil,
        isRepeat: Bool = false
    ) {
        self.body = body
        self.format = format
        self.key = key
        self.priority = priority
        self.isRepeat = isRepeat
    }
}
