// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import NodeSupport
import Testing

/// Options that would do nothing are refused.
@Suite struct ObservingOptionsTests {
    @Test func aFormatWithoutALogIsRefused() throws {
        #expect(throws: (any Error).self) { try LogOptions.parse(["--log-format", "json"]) }
        #expect(throws: (any Error).self) {
            try LogOptions.parse(["--log-level", "info", "--log-format", "xml"])
        }
        let options = try LogOptions.parse(["--log-level", "info", "--log-format", "json"])
        #expect(options.logger(label: "test").logLevel == .info)
    }

    @Test func anAddressWithoutAPortIsRefused() throws {
        #expect(throws: (any Error).self) { try MetricsOptions.parse(["--metrics-host", "::1"]) }
        #expect(try MetricsOptions.parse(["--metrics-port", "0"]).metricsHost == nil)
    }
}
