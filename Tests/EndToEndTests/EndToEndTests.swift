// SPDX-License-Identifier: Apache-2.0

import Testing

/// The promises of the built programs, over real processes on the loopback interface.
///
/// One test at a time: each keeps both cores busy.
@Suite(.serialized) struct EndToEndTests {}
