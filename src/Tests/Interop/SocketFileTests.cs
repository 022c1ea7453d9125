namespace Harness.Tests;

/// <summary>What may lie at the path of a server's Unix socket, and what becomes of it.</summary>
public sealed class SocketFileTests
{
    [SkippableTheory]
    [InlineData("mkfifo")]
    [InlineData("touch")]
    [InlineData("mkdir")]
    public void What_is_no_socket_is_named_and_left_alone(string make)
    {
        using var folder = new TempDir();
        Tool.Run(make, folder.File("s")).Succeeded();
        string listen = $"nbd+unix:///?socket={folder.File("s")}";
        ToolResult result = Tool.Run(HarnessServer.Program, "serve", "--block", "null:1M", "--backend", "epoll", "--listen", listen);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(folder.File("s"), Assert.Single(result.Errors.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.True(Path.Exists(folder.File("s")));
    }

    [SkippableFact]
    public void The_socket_of_a_killed_server_is_replaced_and_that_of_a_running_one_is_not()
    {
        using var folder = new TempDir();
        string[] serve = ["serve", "--block", "null:1M", "--backend", "epoll", "--listen", $"nbd+unix:///?socket={folder.File("s")}"];
        using (Child killed = Child.Start(HarnessServer.Program, serve))
        {
            Assert.StartsWith("ready ", killed.NextLine(TimeSpan.FromSeconds(30)), StringComparison.Ordinal);
            killed.Signal("KILL");
            killed.WaitForExit(TimeSpan.FromSeconds(30));
        }

        Assert.True(Path.Exists(folder.File("s")));
        using Child next = Child.Start(HarnessServer.Program, serve);
        Assert.StartsWith("ready ", next.NextLine(TimeSpan.FromSeconds(30)), StringComparison.Ordinal);
        ToolResult third = Tool.Run(HarnessServer.Program, serve);
        Assert.Equal(1, third.ExitCode);
        Assert.Contains("already listens", third.Errors, StringComparison.Ordinal);
        next.Signal("TERM");
        Assert.Equal(0, next.WaitForExit(TimeSpan.FromSeconds(30)));
    }
}
