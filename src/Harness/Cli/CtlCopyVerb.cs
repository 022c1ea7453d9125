using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Harness.Ctl;
using Harness.Results;

namespace Harness.Cli;

/// <summary>
/// <c>harness ctl SOCKET copy</c>: a job that the server does in the background, whose progress is shown until it ends. Who interrupts it cancels it.
/// </summary>
internal static class CtlCopyVerb
{
    private const string EraseLine = "\r\x1b[2K";

    public static Command Create(Argument<string> socket, Option<string?> json)
    {
        Argument<string?> node = CtlVerb.Node();
        Argument<string> chain = CtlVerb.Chain("where to: a chain of the same size, like file:/srv/new.img; or the @ID of a copy that is whole and could not take the place");
        Option<string?> id = OptionParsers.Text("--id", "ID", "the ID of the chain's first block [default: made up from the node's]");
        var command = new Command("copy", "copies a node's bytes to a new chain under load, then has that take its place; an interrupt cancels") { node, chain, id, json };
        command.SetAction(parse => Run(
            parse.GetValue(socket)!,
            CtlVerb.Request(ControlWords.Copy) with { Node = parse.GetValue(node), Chain = parse.GetValue(chain), NewId = parse.GetValue(id) },
            parse.GetValue(json)));
        return command;
    }

    private static int Run(string socket, ControlRequest request, string? json)
    {
        bool terminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        using var client = new ControlClient(socket);
        client.Send(request);
        JsonElement answer = client.Take();
        while (answer.TryGetProperty("copied_bytes", out JsonElement copied))
        {
            if (terminal)
            {
                Console.Error.Write($"{EraseLine}{Progress(copied.GetDouble(), answer.GetProperty("size_bytes").GetDouble())}");
            }

            try
            {
                answer = client.Take();
            }
            catch (HarnessException) when (terminal)
            {
                Console.Error.Write(EraseLine);
                throw;
            }
        }

        if (terminal)
        {
            Console.Error.Write(EraseLine);
        }

        JsonOutput.Write(json, answer, types => types.JsonElement);
        if (!JsonOutput.TakesStdout(json))
        {
            StandardOutput.Write(CtlText.Copied(answer));
        }

        return (int)ExitCode.Done;
    }

    private static string Progress(double copied, double size) =>
        string.Create(CultureInfo.InvariantCulture, $"{copied / (1 << 20):N0} of {size / (1 << 20):N0} MiB copied, {100 * copied / size:0} %");
}
