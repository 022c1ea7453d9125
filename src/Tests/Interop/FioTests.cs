namespace Harness.Tests;

/// <summary>fio's NBD engine against our server: random mixed traffic whose every block it verifies.</summary>
public class FioTests
{
    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Fio_verifies_random_mixed_traffic_at_depth_64(string backend, string transport)
    {
        var fio = Requires.Tool("fio");
        Skip.IfNot(Tool.Run(fio, "--enghelp").Output.Contains("nbd", StringComparison.Ordinal), "this fio is built without its nbd engine");
        using var server = HarnessServer.Start(backend, transport);

        Tool.Run(fio,
            "--name=verify", "--ioengine=nbd", $"--uri={server.Uri}", "--rw=randrw", "--bs=4k", "--iodepth=64",
            $"--size={TestScale.Pick("16M", "256M")}", "--randseed=7",
            "--verify=crc32c", "--verify_fatal=1", "--verify_state_save=0", "--output-format=terse").Succeeded();
    }
}
