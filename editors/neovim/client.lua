-- What a user does in Neovim, and what they see of it then; for the tests. Works in Neovim 0.7 and later.
local client = {}

local PATIENCE = 10000

-- Waits until something is there, and returns it.
local function awaited(what, look)
  local found
  vim.wait(PATIENCE, function()
    found = look()
    return found ~= nil and found ~= false
  end, 10)
  return found or error('in vain: ' .. what, 0)
end

local function clients()
  return (vim.lsp.get_clients or vim.lsp.get_active_clients)()
end

-- The client that serves the buffer, once the server has been initialized.
function client.ready(name)
  return awaited('the client ' .. (name or 'laminix'), function()
    for _, each in pairs(clients()) do
      local attached = vim.lsp.buf_is_attached(0, each.id)
      if each.name == (name or 'laminix') and attached and each.server_capabilities then return each end
    end
  end)
end

-- Puts the cursor onto a text of the buffer, so many bytes behind its beginning.
function client.onto(text, behind)
  vim.fn.cursor(1, 1)
  if vim.fn.search('\\V' .. vim.fn.escape(text, '\\'), 'c') == 0 then error('not in the buffer: ' .. text, 0) end
  vim.fn.cursor(vim.fn.line('.'), vim.fn.col('.') + (behind or 0))
end

local function float()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then return window end
  end
end

local function linesOf(buffer)
  return vim.api.nvim_buf_get_lines(buffer, 0, -1, false)
end

-- What `look` sees in the window that a hover opens, once nothing of it is being read any more.
local function hovered(look)
  for _ = 1, 100 do
    vim.lsp.buf.hover()
    local window = awaited('a hover', float)
    local seen = look(window)
    vim.api.nvim_win_close(window, true)
    if not seen:find('is being read', 1, true) then return seen end
  end
  error('in vain: a hover with all in it', 0)
end

-- Its text.
function client.hover()
  return hovered(function(window) return table.concat(linesOf(vim.api.nvim_win_get_buf(window)), '\n') end)
end

-- What is on the terminal after a hover at the cursor; for Neovim 0.7 in tmux.
function client.screen()
  vim.o.wrap, vim.o.fillchars, vim.o.laststatus, vim.o.ruler = false, 'eob: ', 0, false
  vim.lsp.handlers['textDocument/hover'] = vim.lsp.with(vim.lsp.handlers.hover, { border = 'rounded' })
  return hovered(function()
    vim.cmd('redraw')
    return awaited('it on the terminal', function()
      local shown = vim.fn.system({ 'tmux', 'capture-pane', '-p' })
      return shown:find('╰') and shown
    end)
  end)
end

-- The file that "go to definition" opens.
function client.definition()
  local from = vim.api.nvim_get_current_buf()
  vim.lsp.buf.definition()
  awaited('a definition', function() return vim.api.nvim_get_current_buf() ~= from end)
  local name = vim.api.nvim_buf_get_name(0)
  vim.cmd('buffer ' .. from)
  return name
end

-- The answer of one server to a request about the buffer.
function client.ask(method, params, name)
  local id = client.ready(name).id
  params.textDocument = { uri = vim.uri_from_bufnr(0) }
  local answers, problem = vim.lsp.buf_request_sync(0, method, params, PATIENCE)
  if not answers then error(problem, 0) end
  return answers[id]
end

-- The texts that links cover, with what each leads to.
function client.links()
  local on, found = client.ready(), {}
  local function byte(line, column)
    return on.offset_encoding == 'utf-8' and column or vim.str_byteindex(line, column, true)
  end
  for _, link in ipairs(client.ask('textDocument/documentLink', {}).result) do
    local line = vim.fn.getline(link.range.start.line + 1)
    local resolved
    on.rpc.request('documentLink/resolve', link, function(_, result) resolved = result end)
    awaited('a link', function() return resolved end)
    local from, to = byte(line, link.range.start.character), byte(line, link.range['end'].character)
    table.insert(found, { text = line:sub(from + 1, to), target = resolved.target })
  end
  return found
end

-- What is shown between the texts of the buffer, from Neovim 0.10 on.
function client.hints(count)
  return awaited('hints', function()
    local shown = {}
    for _, each in ipairs(vim.lsp.inlay_hint.get({ bufnr = 0 })) do table.insert(shown, each.inlay_hint.label) end
    return #shown >= count and shown
  end)
end

-- The titles of what can be done here, and whether one of them was chosen.
local function choosing(pattern)
  local titles
  vim.ui.select = function(items, options, choose)
    titles = {}
    for at, item in ipairs(items) do
      titles[at] = options.format_item(item)
      if pattern and titles[at]:find(pattern) then return choose(item, at) end
    end
    choose(nil)
  end
  vim.lsp.buf.code_action()
  awaited('actions', function() return titles end)
  return titles
end

function client.actions() return choosing() end

-- Chooses an action, and returns the report that it opens.
function client.report(pattern)
  local from = vim.api.nvim_get_current_buf()
  choosing(pattern)
  awaited('a report', function()
    return vim.api.nvim_get_current_buf() ~= from and #linesOf(0) > 1
  end)
  local lines = linesOf(0)
  return { text = table.concat(lines, '\n'), name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(0), ':t') }
end

-- Types at the end of the buffer, takes the first that is offered, and returns what was offered and the line that it made.
-- The keys ask for what is offered: Neovim's own completion unless given.
function client.complete(typed, asking)
  vim.bo.omnifunc = 'v:lua.vim.lsp.omnifunc'
  vim.o.completeopt = 'menu,menuone,noselect'
  vim.fn.append(vim.fn.line('$'), '')
  vim.fn.cursor(vim.fn.line('$'), 1)
  local items
  local keys = function(text) return vim.api.nvim_replace_termcodes(text, true, false, true) end
  local timer = vim.loop.new_timer()
  local ends = vim.loop.now() + PATIENCE
  timer:start(10, 10, vim.schedule_wrap(function()
    local shown = vim.fn.complete_info({ 'items' }).items
    if items or (#shown == 0 and vim.loop.now() < ends) then return end
    items = vim.tbl_map(function(item) return item.abbr ~= '' and item.abbr or item.word end, shown)
    timer:stop()
    vim.api.nvim_input(keys('<C-n><C-y><Esc>'))
  end))
  -- With `!` it goes on until insert mode ends.
  vim.api.nvim_feedkeys(keys('A' .. typed .. (asking or '<C-x><C-o>')), 'tx!', false)
  return { items = items, line = vim.fn.getline('.') }
end

-- Asks for a hover on each line, takes all but the last question back, and returns the last answer and how many others
-- came: Neovim keeps to itself that a request was cancelled.
function client.burst()
  local on = client.ready()
  local others, last = 0, nil
  local final = vim.fn.line('$') - 1
  for line = 0, final do
    local params = { textDocument = { uri = vim.uri_from_bufnr(0) }, position = { line = line, character = 50 } }
    local _, id = on.rpc.request('textDocument/hover', params, function(_, result)
      if line == final then last = result else others = others + 1 end
    end)
    if line < final then on.rpc.notify('$/cancelRequest', { id = id }) end
  end
  awaited('the last answer', function() return last end)
  return { last = last.contents.value, others = others }
end

-- What is wrong in the buffer, once it is known.
function client.diagnostics(count)
  return awaited('diagnostics', function()
    local found = vim.diagnostic.get(0)
    return #found >= count and vim.tbl_map(function(each)
      return { message = each.message, severity = each.severity, line = each.lnum, column = each.col }
    end, found)
  end)
end

-- Stops all servers, and waits until their processes are gone.
function client.stop()
  for _, each in pairs(clients()) do vim.lsp.stop_client(each.id) end
  awaited('the end', function() return next(clients()) == nil end)
end

return client
