// SPDX-License-Identifier: Apache-2.0

/// Why a text is no JSON that can be used.
struct JSONFault: Error, Equatable {
    /// One sentence without its full stop.
    var text: String
    /// Where in the text, in bytes from 0; `nil` where that says nothing.
    var offset: Int?
}
