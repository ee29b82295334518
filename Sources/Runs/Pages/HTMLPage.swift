// SPDX-License-Identifier: Apache-2.0

/// What all pages of these programs have around their content.
package enum HTMLPage {
    /// What such a page may load; hardly any page of others says the same.
    static let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:"

    /// A page that may load pictures beside it and nothing else: no network, no scripts.
    ///
    /// - Parameters:
    ///   - title: plain text.
    ///   - style: CSS.
    ///   - body: HTML, whatever it quotes escaped.
    package static func text(title: String, style: String, body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="\(policy)">
        <title>\(HTMLText.escaped(title))</title>
        <style>
        \(style)
        </style>
        </head>
        <body>
        \(body)
        </body>
        </html>

        """
    }
}
