class ClaudeBackup < Formula
  desc "Keeps every Claude Code session, restorable byte for byte"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "@RELEASES@/v@VERSION@/claude-backup-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256 aarch64-apple-darwin@"
    end
    on_intel do
      url "@RELEASES@/v@VERSION@/claude-backup-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256 x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "@RELEASES@/v@VERSION@/claude-backup-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256 aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "@RELEASES@/v@VERSION@/claude-backup-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256 x86_64-unknown-linux-musl@"
    end
  end

  def install
    bin.install "claude-backup"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/claude-backup.bash" => "claude-backup"
    fish_completion.install "completions/claude-backup.fish"
    zsh_completion.install "completions/_claude-backup"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/claude-backup --version")
    (testpath/".claude/CLAUDE.md").write "Be brief.\n"
    system bin/"claude-backup", "init", "--backend", "local", "--no-schedule"
    rm testpath/".claude/CLAUDE.md"
    system bin/"claude-backup", "restore", "--all"
    assert_equal "Be brief.\n", (testpath/".claude/CLAUDE.md").read
  end
end
