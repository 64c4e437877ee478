import { Argument, type Command } from 'commander';
import { type CommandDefinition, newCommand } from '../command.ts';
import { findCandidates } from '../completion-candidates.ts';

/**
 * Each script asks `fn complete` for what may stand in the place of the last word, so that it never grows old. Without
 * an answer the shells complete file names.
 */
const SCRIPTS = {
  bash: `_fn_complete() {
  local IFS=$'\\n'
  COMPREPLY=($(fn complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _fn_complete fn
`,
  zsh: `#compdef fn
_fn_complete() {
  local -a candidates
  candidates=("\${(@f)$(fn complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates" ]]; then compadd -- "\${candidates[@]}"; else _files; fi
}
compdef _fn_complete fn
`,
  fish: `function __fn_complete
  set -l words (commandline -opc)
  set -l candidates (fn complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
  if set -q candidates[1]
    printf '%s\\n' $candidates
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c fn -f -k -a '(__fn_complete)'
`,
} as const;

const INSTALL = `
To have it in every new shell:
  bash  fn completion bash > ~/.local/share/bash-completion/completions/fn
  zsh   fn completion zsh > "\${fpath[1]}/_fn"
  fish  fn completion fish > ~/.config/fish/completions/fn.fish`;

export const completion: CommandDefinition = (program, ctx) => {
  const shells = new Argument('<shell>').choices(Object.keys(SCRIPTS));
  const command = newCommand('completion', 'print the completion script of a shell')
    .addArgument(shells)
    .addHelpText('after', INSTALL);
  program.addCommand(command);
  command.action((shell: keyof typeof SCRIPTS, options: { json?: true }) => {
    const script = SCRIPTS[shell];
    if (options.json) ctx.output.json({ shell, script });
    else ctx.output.line(script.trimEnd());
  });
  program.addCommand(completeCommand(program, ctx), { hidden: true });
};

/** What the scripts call: one candidate a line. */
function completeCommand(program: Command, ctx: Parameters<CommandDefinition>[1]): Command {
  return newCommand('complete', 'complete a command line')
    .argument('[words...]', 'the command line, its last word unfinished')
    .action(async (words: string[]) => {
      for (const candidate of await findCandidates(program, ctx, words)) {
        ctx.output.line(candidate);
      }
    });
}
