using Harness.Run;

namespace Harness.Kernels.Archive;

/// <summary>Where apt's own files lie on this machine, as apt-config(8) tells it: <c>APT_CONFIG</c> and every other way to change them are heeded.</summary>
internal sealed class AptConfiguration
{
    private readonly Dictionary<string, string> _values;

    private AptConfiguration(Dictionary<string, string> values) => _values = values;

    /// <exception cref="HarnessException">There is no apt here.</exception>
    public static AptConfiguration Read()
    {
        if (ProgramPath.Find("apt-config") is null)
        {
            throw new HarnessException(
                ExitCode.NothingCouldRun, "there is no apt here that could say where packages come from; give a kernel by its path, like --kernels /boot/vmlinuz-VERSION");
        }
        string text = ToolCommand.Run(
            [
                "apt-config", "shell",
                "list", "Dir::Etc::sourcelist/f", "parts", "Dir::Etc::sourceparts/d", "trusted", "Dir::Etc::trusted/f", "keys", "Dir::Etc::trustedparts/d",
                "proxy", "Acquire::http::Proxy", "tls_proxy", "Acquire::https::Proxy",
            ]).Require("cannot ask apt for its configuration").Output;
        string[][] pairs = [.. text.Split('\n').Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2)];
        return new AptConfiguration(pairs.ToDictionary(pair => pair[0], pair => pair[1].Trim('\'')));
    }

    /// <summary>The proxy that apt would use for an address; null where it has none of its own.</summary>
    public Uri? Proxy(Uri address) =>
        _values.GetValueOrDefault(address.Scheme == "https" ? "tls_proxy" : "proxy") is { Length: > 0 } text
        && Uri.TryCreate(text, UriKind.Absolute, out Uri? proxy) ? proxy : null;

    /// <summary>The files that name archives.</summary>
    public IEnumerable<string> SourceFiles() => Existing("list").Concat(InFolder("parts", ".list", ".sources"));

    /// <summary>The files of keys that apt trusts for archives that name none.</summary>
    public IEnumerable<string> TrustedKeys() => Existing("trusted").Concat(InFolder("keys", ".gpg", ".asc"));

    private IEnumerable<string> Existing(string name) => _values.GetValueOrDefault(name) is { } file && File.Exists(file) ? [file] : [];

    private IEnumerable<string> InFolder(string name, params string[] endings) => _values.GetValueOrDefault(name) is { } folder && Directory.Exists(folder)
        ? Directory.GetFiles(folder).Where(file => endings.Contains(Path.GetExtension(file))).Order(StringComparer.Ordinal)
        : [];
}
