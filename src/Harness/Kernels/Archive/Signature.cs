using System.Text;
using Harness.Run;

namespace Harness.Kernels.Archive;

/// <summary>Checks the signature of an archive's list with the program that apt itself uses for it: gpgv(1), or sqv(1) where that is installed.</summary>
internal static class Signature
{
    private const string Begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

    /// <summary>
    /// The signed text of an <c>InRelease</c>: text and signature in one file, so that a mirror that is just being renewed cannot give one without the other.
    /// </summary>
    /// <param name="signed">The file, as it came.</param>
    /// <param name="keyrings">Files of keys, binary or in ASCII armour; one good signature by one of them is enough, as for apt.</param>
    /// <param name="what">What is checked, for the line that says that it is not good.</param>
    /// <exception cref="HarnessException">It is not good, or there is nothing to check it with.</exception>
    public static byte[] TextOf(byte[] signed, IReadOnlyList<string> keyrings, string what)
    {
        using ScratchFolder scratch = WithKeys(keyrings, what);
        File.WriteAllBytes(scratch.File("InRelease"), signed);
        Run(scratch, what, ["--output", scratch.File("Release"), scratch.File("InRelease")]);
        return File.ReadAllBytes(scratch.File("Release"));
    }

    /// <summary>Checks a list whose signature is a file of its own.</summary>
    /// <inheritdoc cref="TextOf"/>
    public static void Require(byte[] release, byte[] signature, IReadOnlyList<string> keyrings, string what)
    {
        using ScratchFolder scratch = WithKeys(keyrings, what);
        File.WriteAllBytes(scratch.File("Release"), release);
        File.WriteAllBytes(scratch.File("Release.gpg"), signature);
        Run(scratch, what, [scratch.File("Release.gpg"), scratch.File("Release")]);
    }

    /// <summary>Whether text and signature may come in one file: sqv(1) takes them apart only.</summary>
    public static bool ReadsInRelease => ProgramPath.Find("gpgv") is not null;

    private static ScratchFolder WithKeys(IReadOnlyList<string> keyrings, string what)
    {
        string[] keys = [.. keyrings.Where(File.Exists)];
        if (keys.Length == 0)
        {
            throw new HarnessException(ExitCode.Failed, $"{what} cannot be checked: apt trusts no key for it ({string.Join(", ", keyrings.DefaultIfEmpty("no keyring is named"))})");
        }
        var scratch = new ScratchFolder();
        File.WriteAllBytes(scratch.File("keys.gpg"), [.. keys.SelectMany(Binary)]);
        return scratch;
    }

    private static void Run(ScratchFolder scratch, string what, string[] arguments)
    {
        ToolResult result = ToolCommand.Run(
            [Verifier(), "--keyring", scratch.File("keys.gpg"), .. arguments], environment: new Dictionary<string, string> { ["GNUPGHOME"] = scratch.Path });
        if (result.ExitCode != 0)
        {
            throw new HarnessException(
                ExitCode.Failed, $"{what} bears no good signature of a key that apt trusts ({result.LastError ?? $"{result.Name} ended with exit code {result.ExitCode}"}); nothing of it is used");
        }
    }

    private static string Verifier() => ProgramPath.Find("gpgv") ?? ProgramPath.Find("sqv")
        ?? throw new HarnessException(ExitCode.Failed, "nothing here can check the archive's signature; install gpgv");

    // RFC 9580, 6.2: headers end with an empty line, the text in base64 with a line that begins with '=' or with the end.
    private static byte[] Binary(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        string text = Encoding.Latin1.GetString(bytes);
        if (!text.Contains(Begin, StringComparison.Ordinal))
        {
            return bytes;
        }
        var binary = new List<byte>();
        foreach (string block in text.Split(Begin).Skip(1))
        {
            IEnumerable<string> lines = block.Split('\n').Skip(1).Select(line => line.Trim());
            IEnumerable<string> body = lines.SkipWhile(line => line.Length > 0).Skip(1).TakeWhile(line => line.Length > 0 && line[0] is not ('=' or '-'));
            binary.AddRange(Convert.FromBase64String(string.Concat(body)));
        }
        return [.. binary];
    }
}
