using System.Globalization;
using Harness.Kernels.Archive;

namespace Harness.Tests;

/// <summary>
/// A package archive made for a test, signed with a key of its own, and an apt configuration that knows no other. It lies in a folder and is reached by a
/// <c>file:</c> address, so no test of it needs a network.
/// </summary>
internal sealed class ScriptedArchive : IDisposable
{
    public const string Suite = "steady";

    private readonly TempDir _folder = new();
    private readonly Dictionary<string, string?> _before = [];
    private readonly string _gpg = Requires.Tool("gpg");

    public ScriptedArchive(string? address = null)
    {
        Requires.Tool("gpgv");
        Requires.Tool("dpkg-deb");
        Requires.Tool("apt-config");
        Requires.Tool("xz");
        Directory.CreateDirectory(Home);
        // gpg refuses a home that others may read.
        Tool.Run("chmod", "700", Home).Succeeded();
        Gpg("--passphrase", "", "--quick-gen-key", "archive@example.org", "ed25519", "sign", "never");
        Gpg("--output", _folder.File("key.gpg"), "--export", "archive@example.org");
        Directory.CreateDirectory(_folder.File("parts"));
        File.WriteAllText(
            _folder.File("parts/test.sources"),
            $"Types: deb\nURIs: {address ?? new Uri(Root).AbsoluteUri}\nSuites: {Suite}\nComponents: main\nSigned-By: {_folder.File("key.gpg")}\n");
        File.WriteAllText(_folder.File("apt.conf"), $"Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"{_folder.File("parts")}\";\n");
        Set("APT_CONFIG", _folder.File("apt.conf"));
    }

    public string Cache => _folder.File("cache");

    /// <summary>The folder that a mirror would serve.</summary>
    public string Root => _folder.File("archive");

    private string Home => _folder.File("gnupg");

    /// <summary>Makes a package of files.</summary>
    /// <returns>Where the archive has it.</returns>
    public string Add(string package, string version, string depends, params (string Path, byte[] Content)[] files)
    {
        string tree = _folder.File($"tree-{package}");
        foreach (var (path, content) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(tree, path))!);
            File.WriteAllBytes(Path.Combine(tree, path), content);
        }
        Directory.CreateDirectory(Path.Combine(tree, "DEBIAN"));
        string fields = $"Package: {package}\nVersion: {version}\nArchitecture: {Debian.Architecture}\nMaintainer: Nobody <nobody@example.org>\n{depends}Description: a kernel\n";
        File.WriteAllText(Path.Combine(tree, "DEBIAN", "control"), fields);
        Directory.CreateDirectory(Path.Combine(Root, "pool"));
        string deb = Path.Combine(Root, "pool", $"{package}.deb");
        Run("dpkg-deb", "--build", "--root-owner-group", tree, deb);
        string stanza = string.Create(
            CultureInfo.InvariantCulture, $"{fields}Filename: pool/{package}.deb\nSize: {new FileInfo(deb).Length}\nSHA256: {ArchiveFile.HashOf(deb)}\n\n");
        File.AppendAllText(_folder.File("Packages"), stanza);
        return deb;
    }

    /// <summary>Puts the list of packages in its place, and signs it.</summary>
    /// <returns>Where the signed list is.</returns>
    public string Sign(string more = "")
    {
        string dist = Path.Combine(Root, "dists", Suite);
        string name = $"main/binary-{Debian.Architecture}/Packages.xz";
        string packages = Path.Combine(dist, name);
        Directory.CreateDirectory(Path.GetDirectoryName(packages)!);
        File.Copy(_folder.File("Packages"), packages[..^3], overwrite: true);
        Run("xz", "-f", packages[..^3]);
        File.WriteAllText(
            Path.Combine(dist, "Release"),
            string.Create(CultureInfo.InvariantCulture, $"Suite: {Suite}\n{more}SHA256:\n {ArchiveFile.HashOf(packages)} {new FileInfo(packages).Length} {name}\n"));
        Gpg("--output", Path.Combine(dist, "InRelease"), "--clearsign", Path.Combine(dist, "Release"));
        return Path.Combine(dist, "InRelease");
    }

    public void Dispose()
    {
        foreach (var (name, value) in _before)
        {
            Environment.SetEnvironmentVariable(name, value);
        }
        Tool.Run("gpgconf", "--homedir", Home, "--kill", "all");
        _folder.Dispose();
    }

    private void Set(string name, string value)
    {
        _before.TryAdd(name, Environment.GetEnvironmentVariable(name));
        Environment.SetEnvironmentVariable(name, value);
    }

    private void Gpg(params string[] arguments) => Run(_gpg, ["--batch", "--yes", "--quiet", "--homedir", Home, "--pinentry-mode", "loopback", .. arguments]);

    private static void Run(string program, params string[] arguments) => Tool.Run(program, arguments).Succeeded();
}
