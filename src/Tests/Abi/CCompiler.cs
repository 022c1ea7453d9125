using System.Diagnostics;

namespace Harness.Tests;

/// <summary>The machine's C compiler, where it has one.</summary>
internal static class CCompiler
{
    private static readonly string? Path = Requires.Find("cc");

    /// <summary>Skips the test, with the reason printed, where there is no compiler or the header is missing.</summary>
    public static void Require(string header)
    {
        Skip.If(Path is null, "no C compiler (cc) on this machine; install gcc to prove the layouts against the headers");
        Skip.IfNot(Run($"#include <{header}>\n", "-fsyntax-only").Ok, $"no <{header}> on this machine; install the kernel headers (linux-libc-dev)");
    }

    /// <summary>Checks a program without linking it; what the compiler said is in <c>Output</c>.</summary>
    public static (bool Ok, string Output) Check(string source) => Run(source, "-fsyntax-only");

    /// <summary>The program after the preprocessor, with every macro's definition.</summary>
    public static string Preprocess(string source)
    {
        (bool ok, string output) = Run(source, "-E -dD");
        Assert.True(ok, output);
        return output;
    }

    private static (bool Ok, string Output) Run(string source, string arguments)
    {
        var start = new ProcessStartInfo(Path!, $"-x c -std=gnu11 -D_GNU_SOURCE {arguments} -")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(source);
        process.StandardInput.Close();
        process.WaitForExit();
        return (process.ExitCode == 0, output.Result + errors.Result);
    }
}
