-- Neovim 0.7 to 0.10.
vim.api.nvim_create_autocmd('FileType', {
  pattern = { 'nix', 'json', 'sh', 'dockerfile', 'log', 'text', 'lua' },
  callback = function(event)
    laminix = laminix or vim.lsp.start_client({
      name = 'laminix',
      cmd = { 'laminix', 'lsp', '--stdio' },
      init_options = { trusted = true, reports = 'result' },
      handlers = { ['workspace/executeCommand'] = function(_, report)
        if not (report and report.text) then return end
        vim.cmd('new')
        vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(report.text, '\n'))
        vim.bo.buftype, vim.bo.bufhidden, vim.bo.modifiable = 'nofile', 'wipe', false
      end },
    })
    vim.lsp.buf_attach_client(event.buf, laminix)
    vim.bo[event.buf].completefunc = 'v:lua.LaminixComplete'
    if vim.lsp.inlay_hint then vim.lsp.inlay_hint.enable(true, { bufnr = event.buf }) end
  end,
})

-- <C-x><C-u> completes by the package's name: <C-x><C-o> compares what is typed with the hash.
local offered = {}
function LaminixComplete(asksWhere)
  if asksWhere == 0 then return offered end
  local client, params = vim.lsp.get_client_by_id(laminix), vim.lsp.util.make_position_params()
  local answer = client.request_sync('textDocument/completion', params, 2000, vim.fn.bufnr()) or {}
  local items = answer.result and (answer.result.items or answer.result) or {}
  offered = vim.tbl_map(function(item)
    return { word = item.textEdit.newText, abbr = item.label, menu = item.detail }
  end, items)
  if #items == 0 then return -3 end
  local from = items[1].textEdit.range.start.character
  if client.offset_encoding == 'utf-8' then return from end
  return vim.str_byteindex(vim.api.nvim_get_current_line(), from, true)
end
