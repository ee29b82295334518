// SPDX-License-Identifier: Apache-2.0
// Before anything is painted: the chosen looks, so that nothing flashes.
document.documentElement.dataset.theme = localStorage.getItem("retom.theme") ?? "auto";
