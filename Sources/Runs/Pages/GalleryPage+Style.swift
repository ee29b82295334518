// SPDX-License-Identifier: Apache-2.0

extension GalleryPage {
    /// The page's looks: one column on a phone, as many as fit elsewhere, light or dark as the
    /// reader's system is.
    package static let style = """
        :root { color-scheme: light dark;
          --page: #f5f5f3; --card: #ffffff; --ink: #1c1c1e; --soft: #66666b; --line: #e3e3df;
          --accent: #2f6fdb; --bad: #b3261e; --bad-page: #fdf1f0; --shade: 0 1px 3px #0000001a;
          --empty: #ececea }
        @media (prefers-color-scheme: dark) { :root {
          --page: #131315; --card: #1d1d20; --ink: #ececef; --soft: #9a9aa2; --line: #2d2d32;
          --accent: #7fb0ff; --bad: #ff8a80; --bad-page: #2c1c1c; --shade: none;
          --empty: #26262a } }
        * { box-sizing: border-box }
        body { margin: 0 auto; max-width: 1680px; padding: 32px clamp(16px, 3vw, 48px) 48px;
          background: var(--page); color: var(--ink);
          font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
        a { color: var(--accent); text-decoration: none }
        a:hover { text-decoration: underline }
        h1 { margin: 0 0 4px; font-size: 26px; font-weight: 650; letter-spacing: -.015em }
        h2 { margin: 40px 0 12px; font-size: 17px; font-weight: 620 }
        .sub { margin: 0; color: var(--soft) }
        .sub span { display: inline-block; max-width: 100%; overflow-wrap: anywhere }
        .sub span + span::before { content: "·"; margin: 0 .5em }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr));
          gap: 1px; margin: 22px 0 26px; border: 1px solid var(--line); border-radius: 12px;
          background: var(--line); overflow: hidden }
        .tiles div { padding: 12px 16px; background: var(--card) }
        .tiles b { display: block; font-size: 20px; font-weight: 620;
          font-variant-numeric: tabular-nums; letter-spacing: -.01em }
        .tiles span { color: var(--soft); font-size: 13px }
        .cards { display: grid; gap: 20px;
          grid-template-columns: repeat(auto-fill, minmax(min(100%, 264px), 1fr)) }
        figure { display: flex; flex-direction: column; margin: 0; border-radius: 12px;
          border: 1px solid var(--line); background: var(--card); box-shadow: var(--shade);
          overflow: hidden; content-visibility: auto; contain-intrinsic-size: auto 380px }
        figure a { display: block; background: var(--empty) }
        figure img { display: block; width: 100%; height: auto; max-height: 80vh;
          object-fit: contain }
        figcaption { display: flex; flex-direction: column; gap: 8px; flex: 1;
          padding: 13px 15px 14px }
        .prompt { margin: 0; white-space: pre-line; overflow-wrap: anywhere }
        .not { margin: 0; color: var(--soft); font-size: 13px; overflow-wrap: anywhere }
        .facts { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: auto 0 0; padding: 0;
          color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums;
          list-style: none; overflow-wrap: anywhere }
        .failed { border-color: color-mix(in srgb, var(--bad) 40%, var(--line)) }
        .void { display: grid; place-items: center; padding: 20px; background: var(--bad-page);
          color: var(--bad); text-align: center; overflow-wrap: anywhere }
        .void p { margin: 0; font-size: 14px }
        .void b { display: block; margin-bottom: 6px; font-weight: 620 }
        .void.waiting { background: var(--empty); color: var(--soft) }
        .scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 12px;
          background: var(--card) }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums }
        th, td { padding: 9px 16px; text-align: left; vertical-align: top }
        th { color: var(--soft); font-size: 13px; font-weight: 500 }
        tr + tr > * { border-top: 1px solid var(--line) }
        td.number, th.number { text-align: right }
        .bad { color: var(--bad) }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 6px 20px; margin: 0;
          padding: 14px 16px; border: 1px solid var(--line); border-radius: 12px;
          background: var(--card) }
        dt { color: var(--soft) }
        dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
        footer { margin-top: 28px; color: var(--soft); font-size: 13px }
        """
}
