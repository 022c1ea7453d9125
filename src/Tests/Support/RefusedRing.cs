namespace Harness.Tests;

/// <summary>
/// Runs programs under a seccomp filter that answers the three io_uring calls with EPERM, as a container's default profile does. The filter is a
/// small C program made by the machine's own compiler, so that it holds for the child only.
/// </summary>
internal sealed class RefusedRing : IDisposable
{
    private const string Source = """
        #include <errno.h>
        #include <linux/audit.h>
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <stddef.h>
        #include <stdio.h>
        #include <sys/prctl.h>
        #include <unistd.h>

        int main(int argc, char **argv) {
          struct sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 425, 0, 2),
            BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 427, 1, 0),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
          };
          struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
          if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
            perror("seccomp");
            return 125;
          }
          execv(argv[1], argv + 1);
          perror(argv[1]);
          return 125;
        }
        """;

    private readonly TempDir _folder = new();

    public RefusedRing()
    {
        string compiler = Requires.Tool("cc");
        string source = _folder.File("refuse.c");
        File.WriteAllText(source, Source);
        Program = _folder.File("refuse");
        Tool.Run(compiler, "-O1", "-o", Program, source).Succeeded();
    }

    /// <summary>Takes a program's path and its arguments, and becomes it without io_uring.</summary>
    public string Program { get; }

    public void Dispose() => _folder.Dispose();
}
