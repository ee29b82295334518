// SPDX-License-Identifier: Apache-2.0

import ServiceAPI
import Testing

/// Queries, as forms and browsers write them.
@Suite struct QueryFieldsTests {
    @Test(
        arguments: [
            ("q=a+b", "a b"), ("q=a%2Bb", "a+b"), ("q=%E5%AE%B6", "家"), ("q=1=2", "1=2"),
            ("q", ""), ("q=", ""), ("x=1&q=2&q=3", "2"), ("%71=3", "3"), ("q=100%", "100%"),
            ("q=%+1", "% 1"), ("q=%ff", "\u{FFFD}"), ("q=%4", "%4"), ("x=1", nil), (nil, nil),
        ] as [(String?, String?)]) func fields(_ query: String?, _ value: String?)
    {
        #expect(QueryFields(query)["q"] == value)
    }

    @Test func inPathsAPlusIsAPlus() {
        #expect(PercentText.decoded("a+b%20c%2f") == "a+b c/")
    }
}
