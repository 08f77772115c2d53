-- Neovim 0.11 and later.
vim.lsp.config('laminix', {
  cmd = { 'laminix', 'lsp', '--stdio' },
  filetypes = { 'nix', 'json', 'sh', 'dockerfile', 'log', 'text', 'lua' },
  root_markers = { 'flake.nix', '.git' },
  init_options = { trusted = true },
})
vim.lsp.enable('laminix')
vim.lsp.inlay_hint.enable()
